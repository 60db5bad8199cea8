/** Asked for a token again, a person comes back to this view. */
export function signIn(): void {
  location.assign(`sign-in?view=${encodeURIComponent(location.search.slice(1))}`);
}

/** Rejects when the server cannot be reached: the session then goes on. */
export async function signOut(): Promise<void> {
  await fetch("sign-out", { method: "POST" });
  location.assign("sign-in");
}
