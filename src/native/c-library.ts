import koffi from "koffi";

type Library = ReturnType<typeof koffi.load>;
/** Takes what its prototype says, and answers with it; errno of the call is `koffi.errno()`. */
type CFunction = ReturnType<Library["func"]>;

let library: Library | undefined;

/**
 * Functions of the C library by their prototypes, each bound when it is first asked for: to bind those that a process never calls takes some of a
 * millisecond of its start. The first that is asked for throws where there is no such library, which is
 * anywhere but on Linux with glibc.
 */
export function cFunctions<Name extends string>(
  prototypes: Readonly<Record<Name, string>>,
): Readonly<Record<Name, CFunction>> {
  return new Proxy({} as Record<Name, CFunction>, {
    get(bound, name: string) {
      library ??= koffi.load("libc.so.6");
      bound[name as Name] ??= library.func(prototypes[name as Name]);
      return bound[name as Name];
    },
  });
}

/** An errno's name, such as `ECONNREFUSED`; of the last call where none is given. */
export function errorName(number = koffi.errno()): string {
  return Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}
