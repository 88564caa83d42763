#include "certs/ssl_note.h"

#include <pthread.h>
#include <string.h>

#include "policy/base/ensure.h"

struct tie {
    void *object;
    void (*destroy)(void *object);
};

/* OpenSSL hands out places for foreign data once per process and never takes them back. These two
 * numbers are written once, under pthread_once, and only read from then on. */
static struct {
    pthread_once_t once;
    int note, tie;
} place = {PTHREAD_ONCE_INIT, -1, -1};

// NOLINTNEXTLINE(readability-function-size): OpenSSL's shape
static void free_note(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp) {
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    free(ptr);
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL's shape
static void free_tie(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp) {
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    struct tie *tie = ptr;
    if (tie == NULL) return;
    tie->destroy(tie->object);
    free(tie);
}

static void ask_for_places(void) {
    place.note = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_note);
    place.tie = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_tie);
    ENSURE(place.note >= 0 && place.tie >= 0);
}

static int note_place(void) {
    ENSURE(pthread_once(&place.once, ask_for_places) == 0);
    return place.note;
}

static int tie_place(void) {
    ENSURE(pthread_once(&place.once, ask_for_places) == 0);
    return place.tie;
}

struct ssl_note *ssl_note_make(SSL *ssl) {
    struct ssl_note *note = SSL_get_ex_data(ssl, note_place());
    if (note != NULL) return note;
    note = calloc(1, sizeof(*note));
    if (note == NULL) return NULL;
    if (SSL_set_ex_data(ssl, note_place(), note) != 1) {
        free(note);
        return NULL;
    }
    return note;
}

const struct ssl_note *ssl_note_of(const SSL *ssl) {
    return SSL_get_ex_data(ssl, note_place());
}

void ssl_note_refuse(SSL *ssl, const char *reason) {
    struct ssl_note *note = ssl_note_make(ssl);
    if (note != NULL && note->refusal == NULL) note->refusal = reason;
}

bool ssl_note_tie(SSL_CTX *ctx, void *object, void (*destroy)(void *object)) {
    struct tie *tie = malloc(sizeof(*tie));
    if (tie == NULL) return false;
    *tie = (struct tie){.object = object, .destroy = destroy};
    if (SSL_CTX_set_ex_data(ctx, tie_place(), tie) == 1) return true;
    free(tie);
    return false;
}

void *ssl_note_tied(const SSL *ssl) {
    const struct tie *tie = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tie_place());
    return tie == NULL ? NULL : tie->object;
}
