/** The job a container belongs to. */
export const jobLabel = 'componentd.job';
/** Path of the job's folder: there stands who owns it now, which may be another process than the one that made the container. */
export const folderLabel = 'componentd.folder';
