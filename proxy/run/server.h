/* server.h: the process: shared tables, workers, listeners, signals.
 *
 * The main thread loads configurations and waits for signals; each worker has its own loop, thread
 * and listener sockets. SIGTERM and SIGINT: listeners close, answers under way are finished, then
 * the end. SIGHUP: the configuration is loaded anew and swapped in if it is valid, the access log
 * is reopened. SIGUSR1: the access log is reopened. */
#ifndef PROXY_RUN_SERVER_H
#define PROXY_RUN_SERVER_H

#include "proxy/config/config.h"

/* How long answers under way may take after SIGTERM. */
#define SERVER_GRACE_MS 10000

/* Serve until told to stop. Takes the reference on `config`. `path` is loaded again at SIGHUP, its
 * problems go to `report`. 0 after a clean end; 1 when it could not start, which was logged. */
int server_run(struct config *config, const char *path, config_report *report, void *report_user);

#endif
