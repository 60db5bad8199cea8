import assert from "node:assert/strict";
import { test } from "node:test";
import { answerQuestion, writeQuestion } from "./dns-message.ts";

const records = { "api.bank.example": "203.0.113.40" };

test("a known name is answered with its address", () => {
  const question = writeQuestion("api.bank.example");
  const answer = answerQuestion(question, records)!;
  assert.deepEqual(answer.subarray(0, 2), question.subarray(0, 2), "the same id");
  assert.equal(answer.readUInt16BE(2), 0x8180);
  assert.equal(answer.readUInt16BE(6), 1);
  assert.deepEqual([...answer.subarray(-4)], [203, 0, 113, 40]);
});

test("an unknown name does not exist, and what is no question has no answer", () => {
  const answer = answerQuestion(writeQuestion("smtp3.example"), records)!;
  assert.equal(answer.readUInt16BE(2), 0x8183);
  assert.equal(answer.readUInt16BE(6), 0);
  const question = writeQuestion("api.bank.example");
  for (let length = 0; length < question.length; length++) {
    assert.equal(answerQuestion(question.subarray(0, length), records), undefined, `${length} bytes`);
  }
});
