/** Values of the `observedEnd` column. */
export const observedEnd = { neither: 0, client: 1, server: 2 } as const;
