/* csv.h: rows of comma-separated values (RFC 4180), as spreadsheets write them.
 *
 * Lines end with LF or CRLF; a field in quotes may hold separators, quotes (twice) and line ends;
 * a mark of UTF-8 at the very beginning is passed over, and so are empty lines. What stands outside
 * of quotes is taken as it is, blanks included. Nothing is guessed: a quote in a place where it
 * means nothing is an error of its row, and reading goes on behind it. */
#ifndef PROXY_CMD_CSV_H
#define PROXY_CMD_CSV_H

#include "policy/base/str.h"

#define CSV_FIELDS_MAX 32
#define CSV_FIELD_MAX  4096 /* octets of one field */

struct csv {
    char *text; /* fields in quotes are undone in place */
    size_t len, at;
    unsigned line; /* of `at`, from 1 */
    char separator;
};

struct csv_row {
    unsigned line; /* where it begins */
    size_t count;
    struct str fields[CSV_FIELDS_MAX]; /* slices of the text */
};

enum csv_verdict {
    CSV_ROW,
    CSV_END,
    CSV_BAD_QUOTE, /* a quote inside a field without quotes, or text behind a closing one */
    CSV_UNCLOSED,  /* the text ends within quotes */
    CSV_TOO_MANY,  /* more than CSV_FIELDS_MAX fields */
    CSV_TOO_LONG,  /* a field is longer than CSV_FIELD_MAX */
};

/* `text` is changed while it is read and must outlive the rows. The separator is the comma, or the
 * semicolon where the first line has one and no comma (spreadsheets of half of Europe). */
void csv_init(struct csv *csv, char *text, size_t len);

/* The next row. With an error `row->line` is set, nothing else, and the next call goes on in the
 * line behind the error. */
MUST_USE enum csv_verdict csv_next(struct csv *csv, struct csv_row *row);

/* What is wrong, for a person. */
const char *csv_verdict_str(enum csv_verdict verdict);

#endif
