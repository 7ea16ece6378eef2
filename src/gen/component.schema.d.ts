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
       * Where the image comes from: `dockerhub` and `registry` use the name as it is, `quayio` puts `quay.io/` before it, `aws-ecr` asks AWS for a password, `builder` builds it from git.
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
       * Credentials of the registry, when it wants some: name and password, or neither.
       */
      repository?: {
        /**
         * User of the registry; for `aws-ecr` the id of an AWS access key.
         */
        username?: string | null;
        /**
         * Encrypted. Password of the user; for `aws-ecr` the secret of the access key.
         */
        '#password'?: string | null;
        /**
         * The only registry that is sent them, for example `quay.io` or `https://index.docker.io/v1/`; the image's own when absent.
         */
        server?: string | null;
        /**
         * For `aws-ecr`: the AWS region of the registry, where its name does not tell.
         */
        region?: string | null;
      };
      /**
       * For the type `builder`: how the image is built from a git repository.
       */
      build_options?: {
        /**
         * Where the image named by `uri` and `tag` comes from, which the new one is based on; required with `commands`.
         */
        parent_type?: 'dockerhub' | 'quayio' | 'aws-ecr' | 'registry';
        /**
         * The git repository. With `username` and `#password` git signs in by HTTP.
         */
        repository?: {
          /**
           * URL of the repository.
           */
          uri: string;
          /**
           * Kind of the repository.
           */
          type: 'git';
          username?: string | null;
          /**
           * Encrypted.
           */
          '#password'?: string | null;
        };
        /**
         * The text after `ENTRYPOINT`, in the form of a shell's command or of a JSON list; required without `dockerfile`.
         */
        entry_point?: string;
        /**
         * Each one becomes a `RUN`; `{{name}}` stands for the parameter of that name, `{{repository}}` for the URL.
         */
        commands?: string[];
        /**
         * Path of a Dockerfile in the repository, which then says everything: the base image, the commands, the entry point. Parameters become build arguments, those with a `#` build secrets.
         */
        dockerfile?: string;
        /**
         * With `dockerfile`: the folder of the repository that the Dockerfile copies from; the root when absent.
         */
        context?: string;
        /**
         * Names that a configuration may give values to.
         */
        parameters?: {
          /**
           * Letters, digits, `_`, `-`; a `#` in front makes it a secret.
           */
          name: string;
          /**
           * What values are allowed, and how they are inserted: `argument` is quoted for a shell.
           */
          type: 'int' | 'integer' | 'string' | 'argument' | 'plain_string' | 'enumeration';
          /**
           * Whether there must be a value.
           */
          required?: boolean;
          /**
           * Inserted as it is when there is no value.
           */
          default_value?: {
            [k: string]: unknown;
          };
          /**
           * The values of an `enumeration`.
           */
          values?: string[];
        }[];
        /**
         * Branch, tag or commit; becomes `APP_VERSION`. `master` is built anew each time.
         */
        version?: string;
        /**
         * False builds the image anew for each job.
         */
        cache?: boolean;
        /**
         * Network of the commands; absent as for containers: `bridge`, under the hardened policy `none`. Only `commands` and the Dockerfile are meant: the repository is fetched all the same.
         */
        network?: 'none' | 'bridge' | 'no-internet';
      };
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
