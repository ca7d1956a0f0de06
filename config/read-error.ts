/** Why a file could not be read, as a clause that follows its name. */
export function explainReadError(error: unknown): string {
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read it';
    case 'EISDIR':
      return 'it is a directory; name the file in it';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
