/* state.h: what outlives a restart, as small files in the state directory.
 *
 * The directory is ours alone (0700); each file is 0600 and replaced in one step: written beside,
 * synced, renamed, so whoever starts next sees all of the old or all of the new. Without a
 * directory state lives in memory and is gone with the process. */
#ifndef PROXY_RUN_STATE_H
#define PROXY_RUN_STATE_H

#include "proxy/config/nonce_key.h"

/* A key of our own making signs for so long; then it verifies for as long again. */
#define STATE_KEY_AGE_S (UINT64_C(7) * 86400)

#define STATE_NONCE_KEY NONCE_KEY_NAME
#define STATE_PEOPLE    "people"

/* Make the directory where it is missing, and look at its mode: false with a line in `error` when
 * somebody else could read or write there. `dir` ends with NUL. */
MUST_USE bool state_open(const char *dir, char *error, size_t error_len);

/* "DIR/NAME", malloc'ed. */
char *state_path(const char *dir, const char *name);

/* Put `text` in the place of DIR/NAME. */
MUST_USE bool state_write(const char *dir, const char *name, struct str text, char *error,
                          size_t error_len);

/* The keys that sign and verify nonces now. `shared` (a nonce_key_file; empty: none) is read and
 * never written. Otherwise DIR/nonce.key is read, made when missing, and rotated when it is older
 * than STATE_KEY_AGE_S; a file that cannot be used is an error, not a reason for a new key. With an
 * empty `dir` the keys are made anew, or kept when *keys has some (made_s > 0) that are young. */
MUST_USE bool state_nonce_keys(struct str dir, struct str shared, uint64_t now_s,
                               struct nonce_keys *keys, char *error, size_t error_len);

#endif
