/**
 * The package without a module: for places where compiling WebAssembly from bytes is forbidden and
 * importing a module is not.
 *
 * ```js
 * import module from 'backstop/backstop.wasm';
 * import { instantiate } from 'backstop/core';
 *
 * const { planner } = instantiate(module);
 * ```
 */

export type * from './index.js';
export {
  AbortedError,
  BackstopError,
  ForeignModuleError,
  InvalidInputError,
  PolicyTrapError,
  StorageError,
  StorageShapeError,
  TimeoutError,
  moduleHash,
  version,
} from './index.js';

/** Everything that the package offers, over one module. */
export type Api = Readonly<typeof import('./index.js')>;

/**
 * Returns the package's functions and classes over its compiled module, `backstop/backstop.wasm`.
 *
 * @throws {ForeignModuleError} if the module is not the one that this package was built with.
 */
export declare function instantiate(module: WebAssembly.Module): Api;
