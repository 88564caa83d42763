/* source_scan.h: enough of libconfig's lexical rules to find what libconfig gets wrong.
 *
 * Walks over one file's text and stops at each thing of interest that stands outside comments. */
#ifndef PROXY_CONFIG_SOURCE_SCAN_H
#define PROXY_CONFIG_SOURCE_SCAN_H

#include "policy/base/str.h"

enum scan_found {
    SCAN_END,         /* nothing more */
    SCAN_INCLUDE,     /* an "@include" directive: `name` is the file */
    SCAN_BAD_INCLUDE, /* the directive without a quoted name */
    SCAN_BAD_NUMBER,  /* an integer that libconfig would wrap */
    SCAN_NUL,         /* a NUL octet, or \x00 in a string: what follows would be lost */
    SCAN_OPEN,        /* a string or comment that does not end in this file */
};

struct scan {
    struct str text;
    size_t at;
    unsigned line;       /* of `at`, counted from 1 */
    size_t found;        /* where the thing begins ... */
    unsigned found_line; /* ... and its line */
    struct str name;     /* of the included file, or the number */
    bool at_line_start;  /* only blanks since the last line end */
};

void scan_init(struct scan *scan, struct str text);
MUST_USE enum scan_found scan_next(struct scan *scan);

#endif
