/* process.h: what every process does to itself that holds passwords and talks to many phones. */
#ifndef PROXY_RUN_PROCESS_H
#define PROXY_RUN_PROCESS_H

/* Secrets stay out of core files and out of reach of debuggers; as many descriptors as the system
 * gives; a peer that hangs up is an error of that write, not the end of us. */
void process_prepare(void);

/* Tell the service manager how we are, such as "READY=1", where it wants to know
 * ($NOTIFY_SOCKET, sd_notify(3)). Nobody who does not listen is waited for. */
void process_tell(const char *state);

#endif
