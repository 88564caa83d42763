/* log.h: what the operator must know, on standard error.
 *
 * One line an event: time, level, a dotted event name, then key=value. An error is something an
 * operator must act on; a client's bad password is none (that is for the access record). Peer bytes
 * go through LOG_STR, which escapes and cuts them. This is the one place of the project with
 * process-wide state: the sink. */
#ifndef PROXY_BASE_LOG_H
#define PROXY_BASE_LOG_H

#include "policy/base/str.h"

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* `format` writes the key=value part; never a secret. Thread-safe. */
void log_event(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
