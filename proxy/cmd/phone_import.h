/* phone_import.h: a table of phones to text for the list "phones" of a configuration.
 *
 * The first line names the columns, in any order and case: mac, address, name and profile; and, as
 * wanted, id, host, user, password_file, service, pin, ca, wui. Every problem of every row is
 * reported with its line, and text is made only where there is none. */
#ifndef PROXY_CMD_PHONE_IMPORT_H
#define PROXY_CMD_PHONE_IMPORT_H

#include "policy/base/outbuf.h"
#include "proxy/config/config.h"

#define PHONE_IMPORT_BYTES_MAX    ((size_t)16 << 20) /* of the table */
#define PHONE_IMPORT_ROWS_MAX     100000
#define PHONE_IMPORT_PROBLEMS_MAX 1000 /* reported one by one */

/* `text` has no control characters and no line end. */
typedef void phone_import_report(void *user, unsigned line, const char *text);

struct phone_import {
    const struct config *config; /* what is there already */
    const char *login_user;      /* where the table names none */
    struct str service_user;     /* likewise of admin_login; empty: there is none */
    struct str domain;           /* hosts of phones without one are ID.DOMAIN; empty: none */
    bool has_vault;              /* passwords may come from it */
    bool has_pins;               /* pins may come from the pins_file */
    phone_import_report *report;
    void *report_user;
    size_t phones, problems; /* out */
    size_t without_service;  /* out: phones with a login from the vault and no service account */
};

/* Read the table, which is changed on the way. True when there was no problem: *text is the
 * configuration then, to be freed by the caller. */
MUST_USE bool phone_import(struct phone_import *in, char *table, size_t len, char **text,
                           size_t *text_len);

#endif
