/** The first argument of the processes that the supervisor forks. In parentheses, because it also shows in `ps`, and no command is called so. */
export const workerArgument = '(worker)';
export const controlArgument = '(control)';
