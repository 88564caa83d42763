/* phone_import_parts.h: what the files phone_import*.c share. */
#ifndef PROXY_CMD_PHONE_IMPORT_PARTS_H
#define PROXY_CMD_PHONE_IMPORT_PARTS_H

#include "policy/base/arena.h"
#include "policy/base/mac.h"
#include "proxy/cmd/csv.h"
#include "proxy/cmd/phone_import.h"
#include "proxy/config/hostport.h"
#include "proxy/config/strmap.h"

enum import_column {
    COLUMN_MAC,
    COLUMN_ADDRESS,
    COLUMN_NAME,
    COLUMN_PROFILE,
    COLUMN_ID,
    COLUMN_HOST,
    COLUMN_USER,
    COLUMN_PASSWORD_FILE,
    COLUMN_SERVICE,
    COLUMN_PIN,
    COLUMN_CA,
    COLUMN_WUI,
    COLUMNS,
};

/* One phone, read and checked; in the arena or the table. */
struct import_phone {
    struct str mac, url, name, profile, id, host, user, password_file, service, pin, ca;
    bool wui;
};

enum { SEEN_MAC, SEEN_ID, SEEN_HOST, SEEN_ADDRESS, SEEN_KINDS };

struct importing {
    struct phone_import *in;
    struct arena arena;
    unsigned line;           /* of the row being read */
    size_t columns[COLUMNS]; /* where each stands; CSV_FIELDS_MAX: nowhere */
    size_t width;            /* fields of the first line */
    struct strmap seen[SEEN_KINDS];
    struct hostport_local local;
    char *out; /* the text so far, malloc'd */
    size_t out_len, out_cap;
};

/* A problem of this row. */
void import_problem(struct importing *im, const char *format, ...) PRINTF_LIKE(2, 3);

/* Note what the configuration has. */
void import_know_config(struct importing *im);
/* Note a phone of the table; each thing it shares with another is a problem. */
void import_know(struct importing *im, const struct import_phone *phone);

/* Read and check one row. */
void import_row(struct importing *im, const struct csv_row *row, struct import_phone *phone);

#endif
