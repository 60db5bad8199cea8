/**
 * Somebody else's text, to be shown: what controls terminals or the direction of text is left out, and nothing is cut within
 * a character.
 */
export function cleanText(text: string, lengthMax: number): string {
  const clean = text
    .slice(0, 4 * lengthMax)
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, "")
    .trim();
  return [...clean].slice(0, lengthMax).join("");
}
