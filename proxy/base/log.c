#include "proxy/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024

static const char *level_name(enum log_level level) {
    switch (level) {
    case LOG_INFO:
        return "info";
    case LOG_WARNING:
        return "warning";
    case LOG_ERROR:
        return "error";
    }
    return "error";
}

/* A line break or control octet in a value must not forge a second line. */
static void escape(char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) text[i] = '?';
    }
}

void log_event(enum log_level level, const char *event, const char *format, ...) {
    char line[LINE_MAX_LEN];
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    char stamp[32];
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
    int head = snprintf(line, sizeof(line), "%s.%03ldZ %s %s ", stamp, now.tv_nsec / 1000000,
                        level_name(level), event);
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, args);
    va_end(args);
    size_t len = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (len > sizeof(line) - 2) len = sizeof(line) - 2;
    escape(line, len);
    line[len++] = '\n';
    /* One write, so that lines of several threads do not mix; if standard error is gone there is no
     * one to tell. */
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored;
}
