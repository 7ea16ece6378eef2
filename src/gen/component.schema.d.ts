import type { SchemaNode, Validator } from '../base/schema.ts';

/**
 * A component's definition: which image it is and how it is run. Keys that are not named here are ignored.
 */
export interface Component {
  /**
   * Name of the component, for example `acme.ex-weather`. It appears in KBC_COMPONENTID, file tags and the default bucket.
   */
  id: string;
  /**
   * extractor, writer, application, processor, transformation and so on; informative.
   */
  type?: string;
  /**
   * Title for people.
   */
  name?: string | null;
  /**
   * Switches: `container-root-user` runs as the image's own user, `no-swap` forbids swap, `container-tcpkeepalive-60s-override` sets the keepalive time.
   */
  features?: string[];
  dataTypesConfiguration?: {
    /**
     * How far column types of output tables are honoured.
     */
    dataTypesSupport?: 'authoritative' | 'hints' | 'none';
  };
  processorConfiguration?: {
    /**
     * Where a processor may stand; informative.
     */
    allowedProcessorPosition?: 'any' | 'before' | 'after';
  };
  /**
   * Everything that decides how the image is run.
   */
  data: {
    /**
     * The image.
     */
    definition: {
      /**
       * Where the image comes from: `dockerhub` and `registry` use the name as it is, `quayio` puts `quay.io/` before it.
       */
      type: 'dockerhub' | 'quayio' | 'aws-ecr' | 'registry' | 'builder';
      /**
       * Image name without a tag, for example `acme/ex-weather` or `127.0.0.1:5000/acme/ex-weather`.
       */
      uri: string;
      /**
       * Tag of the image; empty means `latest`.
       */
      tag?: string;
      /**
       * Hex SHA-256 of the manifest, without `sha256:`. An image present under another digest is pulled again.
       */
      digest?: string;
      name?: string | null;
      /**
       * Credentials of the registry, when it wants some.
       */
      repository?: {
        username?: string;
        '#password'?: string;
        server?: string;
        region?: string;
      };
      /**
       * Only for images that are built from git.
       */
      build_options?: {};
    };
    /**
     * Memory limit: `256m` is 256 MiB, `1g` is 1000 MiB.
     */
    memory?: string;
    /**
     * Format of the configuration, state, usage and manifests.
     */
    configuration_format?: 'json' | 'yaml';
    /**
     * Seconds the container may run; 0 for no limit.
     */
    process_timeout?: number;
    /**
     * Gives KBC_TOKEN and KBC_URL to the container.
     */
    forward_token?: boolean;
    /**
     * Gives KBC_PROJECTNAME, KBC_TOKENID and KBC_TOKENDESC to the container.
     */
    forward_token_details?: boolean;
    /**
     * Legacy: root parameters become KBC_PARAMETER_* variables.
     */
    inject_environment?: boolean;
    /**
     * Output tables without a full destination go to the configuration's own bucket.
     */
    default_bucket?: boolean;
    /**
     * Stage of that bucket.
     */
    default_bucket_stage?: 'in' | 'out';
    /**
     * Given to the container as `image_parameters`; values below `#` keys are encrypted.
     */
    image_parameters?: {
      [k: string]: unknown;
    };
    /**
     * Network of the container.
     */
    network?: 'none' | 'bridge' | 'no-internet';
    /**
     * Actions that answer at once.
     */
    synchronous_actions?: string[];
    logging?: {
      /**
       * How the component logs.
       */
      type?: 'standard' | 'gelf';
      /**
       * Numeric log level to what is shown of it.
       */
      verbosity?: {
        [k: string]: 'none' | 'camouflage' | 'normal' | 'verbose';
      };
      gelf_server_type?: 'tcp' | 'udp' | 'http';
      /**
       * Exit codes above 1 are the user's errors, too.
       */
      no_application_errors?: boolean;
    };
    staging_storage?: {
      /**
       * Where input tables are put.
       */
      input?: 'local' | 's3' | 'abs' | 'none' | 'workspace-snowflake' | 'workspace-bigquery';
      /**
       * Where output tables are read from.
       */
      output?: 'local' | 'none' | 'workspace-snowflake' | 'workspace-bigquery';
    };
  };
}

export declare const validate: Validator;
export declare const schema: SchemaNode;
