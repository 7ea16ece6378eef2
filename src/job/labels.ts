/** The job a container belongs to. */
export const jobLabel = 'componentd.job';
/** The format of what the job's version made of it: see `format.ts`. */
export const formatLabel = 'componentd.formatVersion';
/** Path of the job's folder: there stands who owns it now, which may be another process than the one that made the container. */
export const folderLabel = 'componentd.folder';
