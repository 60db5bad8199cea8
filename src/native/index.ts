/** The C library's functions, for those who call the kernel themselves. */
export { type CFunction, cFunctions, errorName } from "./c-library.ts";
