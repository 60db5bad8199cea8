/** Into the clipboard. Over plain HTTP, but from this machine, the browser has none for a page: then the text is shown under `label`, to be copied by hand. */
export async function copyText(label: string, text: string): Promise<void> {
  if (navigator.clipboard === undefined) window.prompt(label, text);
  else await navigator.clipboard.writeText(text);
}
