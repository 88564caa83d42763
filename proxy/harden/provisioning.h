/* provisioning.h: the file that one phone fetches its settings from: what stands in it, and where
 * it lies.
 *
 * Values come from the configuration and the vault; new passwords are put into the vault as
 * candidates first, and the caller commits before a file is written, so that no phone ever takes a
 * password that nobody has. */
#ifndef PROXY_HARDEN_PROVISIONING_H
#define PROXY_HARDEN_PROVISIONING_H

#include "policy/harden/sheet.h"
#include "proxy/harden/secrets.h"

struct provisioning {
    const struct config *config;
    struct vault *vault; /* NULL: none is configured */
    bool beyond;         /* also what goes beyond the vendor's guide */
};

/* One file; `text` is wiped by provisioning_free. */
struct provisioning_file {
    size_t index; /* of the phone */
    char *text;   /* NULL: it could not be made */
    size_t len;
    const char *reason;            /* why not; a stable name */
    char about[DUMP_NAME_MAX + 1]; /* the setting it is about; may be empty */
};

/* Make the file of phone `index`. False with reason and about set. What was put into the vault is
 * the caller's to commit. */
MUST_USE bool provisioning_make(const struct provisioning *p, size_t index,
                                struct provisioning_file *file);
void provisioning_free(struct provisioning_file *file);

/* Make the directory (mode 0700) where there is none. False with one line in `error`, also where
 * others can enter it. */
MUST_USE bool provisioning_directory(const char *directory, char *error, size_t error_len);
/* Put DIRECTORY/MAC.xml (mode 0600) in its place in one step. */
MUST_USE bool provisioning_write(const struct provisioning *p, const char *directory,
                                 const struct provisioning_file *file, char *error,
                                 size_t error_len);

#endif
