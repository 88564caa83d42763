#include "proxy/cmd/operator_record.h"

#include <errno.h>
#include <string.h>

#include "proxy/cmd/cmd.h"

static void complain(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

static void complain(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    cmd_complain(command, format, args);
    va_end(args);
}

bool operator_record(const char *command, struct str path, bool required,
                     const struct event *event) {
    const char *file = str_equal(path, STR("-")) ? "/dev/stderr" : path.ptr;
    struct access_log *log = access_log_open(file);
    bool written = log != NULL;
    int error = errno;
    if (written) {
        event_write(log, event);
        access_log_flush(log);
        error = errno;
        written = access_log_healthy(log);
    }
    access_log_free(log);
    if (written) return true;
    complain(command, "%s: %s: %s",
             required ? "nothing is done without a record" : "warning: no record is made", file,
             strerror(error));
    return !required;
}
