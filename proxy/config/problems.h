/* problems.h: every error and warning of one configuration run, in the order of the files.
 *
 * Collected while reading, reported at the end: keys are looked at in the order of our tables, a
 * person reads in the order of the file. */
#ifndef PROXY_CONFIG_PROBLEMS_H
#define PROXY_CONFIG_PROBLEMS_H

#include <stdarg.h>

#include "proxy/config/config.h"

struct problem;

struct problems {
    struct problem *items;
    size_t count, capacity;
    size_t errors, warnings;
};

/* Where a problem stands. */
struct problem_place {
    unsigned rank;    /* of the text among all texts read: the main file first */
    unsigned order;   /* line in the text with its included files inserted */
    const char *file; /* as shown; copied */
    unsigned line;    /* in `file`; 0 where none applies */
};

/* An empty list; all zero is the same. */
void problems_init(struct problems *p);
void problems_free(struct problems *p);

void problems_add(struct problems *p, enum config_level level, struct problem_place place,
                  const char *format, ...) PRINTF_LIKE(4, 5);
void problems_vadd(struct problems *p, enum config_level level, struct problem_place place,
                   const char *format, va_list args) PRINTF_LIKE(4, 0);

/* Everything of `from` goes to the end of `to`; `from` is empty afterwards. */
void problems_move(struct problems *to, struct problems *from);

/* Sort by place and hand each to `report`. */
void problems_tell(struct problems *p, config_report *report, void *user);

#endif
