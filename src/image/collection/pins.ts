/** Whether one of the pins names the image: in full, as `busybox` names `docker.io/library/busybox:latest`, or with `*` and `**`. */
export function isPinned(name: string, pins: readonly string[]): boolean {
  return pins.some((pin) => spellings(name).some((spelling) => patternOf(pin).test(spelling)));
}

/** How people call an image: as its record, without what Docker adds by itself, without the tag. */
function spellings(name: string): readonly string[] {
  const short = name.replace(/^docker\.io\/(?:library\/)?/, '');
  const bare = (text: string): string => text.replace(/(?:@.*|:[^/]*)$/, '');
  return [name, bare(name), short, bare(short)];
}

function patternOf(pin: string): RegExp {
  const parts = pin.split(/(\*\*|\*)/).map((part) => {
    if (part === '**') return '.*';
    return part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`);
}
