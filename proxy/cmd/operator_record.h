/* operator_record.h: what a person does at the command line stands in the access log first. */
#ifndef PROXY_CMD_OPERATOR_RECORD_H
#define PROXY_CMD_OPERATOR_RECORD_H

#include "proxy/record/event.h"

/* Write `event` to the access log `path` ("-": standard error, since standard output is the
 * command's). False, after a message of `command` on standard error, where that fails and nothing
 * may be done without a record; a warning where it may. */
MUST_USE bool operator_record(const char *command, struct str path, bool required,
                              const struct event *event);

#endif
