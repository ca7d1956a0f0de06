/** A process that sends back every handle that it is sent: a handle that travels is copied. */
process.on('message', (message: number, handle) => process.send!(message, handle));
