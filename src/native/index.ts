/** The C library's functions, for those who call the kernel themselves. Does not know what they are called for. */
export { cFunctions, errorName } from "./c-library.ts";
