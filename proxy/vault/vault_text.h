/* vault_text.h: the lines of a vault's file behind its header, for vault.c and tests only. */
#ifndef PROXY_VAULT_VAULT_TEXT_H
#define PROXY_VAULT_VAULT_TEXT_H

#include "proxy/config/strmap.h"
#include "proxy/vault/vault.h"
#include "proxy/vault/vault_seal.h"

struct vault_item {
    struct str name; /* "PHONE SETTING WHICH", owned */
    struct str phone, setting;
    enum vault_which which;
    struct str line;  /* as it stands in the file, owned; .ptr NULL: missing, or not sealed yet */
    struct str value; /* in the vault's memory; empty where there is a problem */
    uint8_t tag[VAULT_TAG_LEN];
    bool listed;         /* the index has it, with this tag */
    const char *problem; /* NULL: it is fine */
    bool gone;           /* dropped */
    bool changed;        /* since the last commit */
};

/* A line that is no record of its own; kept. */
struct vault_scrap {
    struct str text; /* owned */
    unsigned line;
    const char *why;
};

struct vault_text {
    struct vault_item **items;
    size_t count, room;
    struct strmap names; /* to the place in items */
    struct vault_scrap *scraps;
    size_t scrap_count;
    uint64_t generation;
    const char *index_problem; /* NULL: it is fine */
};

void vault_text_init(struct vault_text *text);
void vault_text_free(struct vault_text *text);

/* Read the lines behind the header. What `known` (may be NULL) holds in the very same line is not
 * opened again. NULL, or one line of English: nothing of it can be used. */
MUST_USE const char *vault_text_read(struct str lines, const struct vault_cipher *cipher,
                                     struct vault_memory *memory, const struct vault_text *known,
                                     struct vault_text *text);

/* The item of this name, also one that is gone; NULL where there is none. With `add` it is made,
 * and NULL is for a name that cannot be. */
struct vault_item *vault_text_find(const struct vault_text *text, struct str phone,
                                   struct str setting, enum vault_which which);
struct vault_item *vault_text_add(struct vault_text *text, struct str phone, struct str setting,
                                  enum vault_which which);
/* Give an item another value (in the vault's memory), or drop it (.ptr NULL). */
void vault_item_set(struct vault_item *item, struct str value);

/* Seal what is not sealed, and write the whole file, malloc'ed; NULL when libcrypto fails. */
MUST_USE char *vault_text_write(struct vault_text *text, const struct vault_cipher *cipher,
                                size_t *len);

#endif
