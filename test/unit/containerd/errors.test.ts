import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { classify, exitCodeOf, InfrastructureError } from '../../../src/base/errors.ts';
import {
  ContainerdError,
  codeOf,
  hasCode,
  isAlreadyExists,
  isFailedPrecondition,
  isNotFound,
  isUnavailable,
  isUnimplemented,
} from '../../../src/containerd/errors.ts';

const failure = { method: 'Tasks.Get', details: 'task s: not found', address: '/run/c.sock', answered: true };

test('every gRPC status has its name', () => {
  const numbers = Object.values(status).filter((value) => typeof value === 'number');
  expect(numbers).toHaveLength(17);
  for (const number of numbers) expect(codeOf(number)).toBe(status[number]);
  expect(codeOf(99)).toBe('UNKNOWN');
});

describe('a failure is told by its code', () => {
  test.each([
    ['NOT_FOUND', isNotFound],
    ['ALREADY_EXISTS', isAlreadyExists],
    ['UNAVAILABLE', isUnavailable],
    ['FAILED_PRECONDITION', isFailedPrecondition],
    ['UNIMPLEMENTED', isUnimplemented],
  ] as const)('%s', (code, isIt) => {
    expect(isIt(new ContainerdError({ ...failure, code }))).toBe(true);
    expect(isIt(new ContainerdError({ ...failure, code: 'INTERNAL' }))).toBe(false);
    expect(isIt(Object.assign(new Error(code), { code }))).toBe(false);
    expect(hasCode(undefined, code)).toBe(false);
  });
});

test('it is the operator who must act, and the exit code is 3', () => {
  const error = new ContainerdError({ ...failure, code: 'UNKNOWN' });
  expect(error).toBeInstanceOf(InfrastructureError);
  expect(classify(error)).toBe(error);
  expect(exitCodeOf(error)).toBe(3);
  expect(error.data).toMatchObject({ code: 'UNKNOWN', method: 'Tasks.Get' });
});

test('the message names the method and what the daemon said', () => {
  expect(new ContainerdError({ ...failure, code: 'NOT_FOUND' }).message).toMatch(
    /Tasks\.Get.*task s: not found.*NOT_FOUND/,
  );
});

test('without a connection the message names the socket and the way out', () => {
  const { message, reason } = new ContainerdError({ ...failure, code: 'UNAVAILABLE', answered: false });
  expect(reason).toBe('unavailable');
  expect(message).toMatch(/\/run\/c\.sock/);
  expect(message).toMatch(/start containerd.*--address/);
});

test('after a deadline the message names the method and the socket', () => {
  const { message } = new ContainerdError({ ...failure, code: 'DEADLINE_EXCEEDED' });
  expect(message).toMatch(/\/run\/c\.sock.*Tasks\.Get/);
});

test('a method that the daemon does not have says what may be the matter with the daemon', () => {
  const { message } = new ContainerdError({ ...failure, code: 'UNIMPLEMENTED', details: 'unknown service X' });
  expect(message).toMatch(
    /at \/run\/c\.sock has no Tasks\.Get: unknown service X; it is too old, or .*disabled_plugins/,
  );
});
