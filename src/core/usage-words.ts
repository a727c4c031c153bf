/**
 * Escapes one letter of each word on which talosctl prints its usage screen under an error (talos
 * cmd/talosctl/cmd/root.go), in the way of resources, so that the text still names the same thing: `fla%67ship`.
 */
export function withoutUsageWords(text: string): string {
  return text.replaceAll(/arg(?=\(s\))|flag|command/gi, word => {
    const last = word.charCodeAt(word.length - 1).toString(16);
    return `${word.slice(0, -1)}%${last}`;
  });
}
