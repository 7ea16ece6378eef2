# To be sourced: packages of another Debian suite than this system's, from the mirror that its apt uses, verified by apt against Debian's
# signatures, and installed nowhere.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# download_debs SUITE WORK PACKAGE...: brings them to WORK/debs. The last line of what it prints is the reason of a failure.
download_debs() {
  command -v apt-get >/dev/null || { echo 'there is no apt-get here' && return 1; }
  [ -r "$keyring" ] || { echo "there is no $keyring, which the signatures are checked with" && return 1; }
  local mirror
  for mirror in $(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | sort -u); do
    private_apt "$1" "$2" "$mirror"
    if apt_get "$2" update && (cd "$2/debs" && apt_get "$2" download "${@:3}"); then
      return 0
    fi
  done
  echo "no package source of this system has Debian's suite $1, or there is no network"
  return 1
}

# private_apt SUITE WORK MIRROR: lists and state of its own; of this system's settings only how to reach a mirror.
private_apt() {
  rm -rf "$2/apt" "$2/debs"
  mkdir -p "$2/apt/lists/partial" "$2/apt/cache/archives/partial" "$2/apt/sources" "$2/debs"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$3" "$1" "$keyring" >"$2/apt/sources/suite.sources"
  apt-config dump | grep '^Acquire::' >"$2/apt/apt.conf"
  cat >>"$2/apt/apt.conf" <<CONF
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$2/apt/sources";
Dir::State "$2/apt";
Dir::State::status "/dev/null";
Dir::Cache "$2/apt/cache";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
CONF
}

apt_get() {
  APT_CONFIG=$1/apt/apt.conf apt-get -q "${@:2}" </dev/null
}
