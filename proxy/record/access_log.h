/* access_log.h: the one queue of access records.
 *
 * Shared by all workers. Lines are numbered and put into a buffer under a lock and written with one
 * system call per loop iteration. While a write fails the log is unhealthy, the lines are kept, and
 * whoever serves requests asks access_log_healthy first: nothing unlogged. */
#ifndef PROXY_RECORD_ACCESS_LOG_H
#define PROXY_RECORD_ACCESS_LOG_H

#include "policy/base/str.h"

/* Lines waiting for the disk; beyond that new ones are counted and dropped (access has stopped by
 * then). */
#define ACCESS_LOG_BUFFER (1024 * 1024)

struct access_log;

/* Open for appending, mode 0640 when new; "-" is standard output. NULL with errno set. */
struct access_log *access_log_open(const char *path);
void access_log_free(struct access_log *log);

/* Queue one record: a JSON object without its opening brace and without line end; "{\"seq\":N," is
 * put in front. */
void access_log_add(struct access_log *log, struct str record);

/* Write what is queued. Called once per loop iteration and once a second. */
void access_log_flush(struct access_log *log);

/* Open the file anew (after rotation): the old one stays in use when that fails. */
void access_log_reopen(struct access_log *log);

/* Did the last write succeed? */
bool access_log_healthy(struct access_log *log);

#endif
