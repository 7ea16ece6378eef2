import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * This interface was referenced by `Job`'s JSON-Schema
 * via the `definition` "id".
 */
export type Id = string;
/**
 * This interface was referenced by `Job`'s JSON-Schema
 * via the `definition` "text".
 */
export type Text = string;

/**
 * A job file: which component runs, with which configuration. One of `config` and `configData` is needed.
 */
export interface Job {
  /**
   * Version of this format.
   */
  formatVersion?: number;
  component: Id;
  config?: Id;
  /**
   * The configuration itself, see configuration.json; instead of a stored one.
   */
  configData?: {};
  /**
   * Rows to run, also when they are disabled; all enabled ones when absent.
   */
  configRowIds?: Id[];
  /**
   * Tag of the component's image, instead of the configuration's and the definition's.
   */
  tag?: string;
  /**
   * `forceRun` runs a disabled configuration, too.
   */
  mode?: 'run' | 'forceRun' | 'debug';
  /**
   * Only the default branch is there.
   */
  branchId?: string;
  /**
   * How many rows run at once; accepted, but rows run one after the other.
   */
  parallelism?: string | number | null;
  /**
   * Goes into the configuration's `runtime.backend`.
   */
  backend?: {
    type?: Text;
    containerType?: Text;
    context?: Text;
  };
  /**
   * What a failure means to an orchestration; accepted and without effect.
   */
  behavior?: {
    /**
     * Only for jobs of an orchestration.
     */
    onError?: 'stop' | 'warning' | 'fail' | null;
  };
  variableValuesId?: Text;
  /**
   * Refused in this version.
   */
  variableValuesData?: {
    values?: {
      name: Text;
      value: Text;
    }[];
  };
  orchestrationJobId?: Text;
  orchestrationTaskId?: Text;
  orchestrationPhaseId?: Text;
  /**
   * Refused in this version.
   */
  onlyOrchestrationTaskIds?: Text[];
  previousJobId?: Text;
  /**
   * Only `standard`.
   */
  type?: 'standard' | 'container' | 'phaseContainer' | 'orchestrationContainer' | 'retryContainer';
  /**
   * Accepted and without effect.
   */
  executor?: 'dind' | 'k8sContainers' | null;
  deduplicationId?: Text;
  token?: Id;
  clientKey?: Id;
  /**
   * Higher runs earlier.
   */
  priority?: number;
  /**
   * ISO 8601 moment before which the job does not start.
   */
  notBefore?: string;
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
