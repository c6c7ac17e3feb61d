/** For messages: a string that may be a picture. */
export const shortened = (text: string): string =>
  text.length > 200 ? `${text.slice(0, 80)}... (${text.length} characters)` : text
