/**
 * One script for each shell. They ask `componentd __complete`, whose lines are a word, a tab and what it means; `:files` asks for paths.
 * Words hold nothing that a shell would act on.
 */
export const scripts = {
  bash: `# Completion of componentd for bash: source <(componentd completion bash)
_componentd() {
  local word line current prefix= count=0
  local -a words=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    # Bash takes apart what has a colon in it, as names of images have.
    if [ "$count" -gt 0 ] && [[ $word == :* || ( -n $word && \${words[count-1]} == *: ) ]]; then
      words[count-1]+=$word
    else
      words[count]=$word
      count=$((count + 1))
    fi
  done
  current=\${words[count-1]}
  if [[ $COMP_WORDBREAKS == *:* && $current == *:* ]]; then prefix=\${current%"\${current##*:}"}; fi
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = :files ]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    else
      line=\${line%%$'\\t'*}
      COMPREPLY+=("\${line#"$prefix"}")
    fi
  done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
}
complete -F _componentd componentd`,

  zsh: `#compdef componentd
# Completion of componentd for zsh: componentd completion zsh > "\${fpath[1]}/_componentd"
_componentd() {
  local -a found
  local line files=
  while IFS= read -r line; do
    if [[ $line == :files ]]; then files=1
    else found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}"); fi
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#found} )) && _describe componentd found
  [[ -n $files ]] && _files
  return 0
}
if [[ \${funcstack[1]} == _componentd ]]; then _componentd "$@"; else compdef _componentd componentd; fi`,

  fish: `# Completion of componentd for fish: componentd completion fish > ~/.config/fish/completions/componentd.fish
function __componentd_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c componentd -f -a '(__componentd_complete)'`,
} as const;
