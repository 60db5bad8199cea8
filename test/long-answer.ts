/**
 * Asks the kernel for an answer longer than a page: the supplementary groups of the other end of a socket pair (SO_PEERGROUPS). Says
 * as JSON what came back; to be run as root, in a process of its own.
 */
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const socketpair = libc.func("int socketpair(int family, int type, int protocol, _Out_ int *fds)");
const getOption = libc.func(
  "int getsockopt(int fd, int level, int name, _Inout_ uint8_t *value, _Inout_ uint32_t *length)",
);
const [familyUnix, stream, solSocket, peerGroups] = [1, 1, 1, 59];

const groups = Array.from({ length: 3000 }, (_, i) => 100_000 + i);
process.setgroups!(groups);
const fds = [0, 0];
if (socketpair(familyUnix, stream, 0, fds) !== 0) throw new Error("no socket pair");
const answer = new Uint8Array(16_384);
const length = [answer.length];
const result = getOption(fds[0], solSocket, peerGroups, answer, length);
const told = [...new Uint32Array(answer.buffer, 0, groups.length)];
console.log(
  JSON.stringify({
    ...{ result, bytes: length[0], isWhole: told.every((group, i) => group === groups[i]) },
    isRestUntouched: answer.subarray(groups.length * 4).every((byte) => byte === 0),
  }),
);
