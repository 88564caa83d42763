/* breakers.h: the passwords that phones have refused, in the state directory: a gate that restarts
 * again and again must not lock the phones. No names and no passwords in it (phone_breaker.h).
 *
 *   phonegate-breakers 1 <32 hex digits: the salt>
 *   <account, 16 hex> <password, 4 hex> <candidate> <rejections> <unanswered> <retry, epoch ms>
 *
 * The main thread's. */
#ifndef PROXY_RUN_BREAKERS_H
#define PROXY_RUN_BREAKERS_H

#include "proxy/phone/phone_breaker.h"

#define STATE_BREAKERS "breakers"
/* How often it is looked whether there is something to write. */
#define BREAKERS_TICK_MS 1000
/* After a restart a refused password may be sent again this soon: whoever restarts a gate may have
 * mended the phone. No sooner, and the waits after that go on doubling. */
#define BREAKERS_RESTART_MS PHONE_SILENT_MS
/* Octets of the file. */
#define BREAKERS_MAX ((size_t)16 << 20)

struct breakers;

/* What the directory holds; an empty one: nothing is kept. A file that cannot be used is said in
 * the log, and forgotten. */
struct breakers *breakers_open(uv_loop_t *loop, struct str dir);
/* At the start, before anybody uses these phones. */
void breakers_restore(struct breakers *b, struct phone *const *phones, size_t count,
                      uint64_t now_ms);
/* From now on these are looked at; they stay in memory until the next call, or breakers_free. */
void breakers_watch(struct breakers *b, struct phone *const *phones, size_t count);
/* The loop is to end: what there is is written in breakers_free. */
void breakers_stop(struct breakers *b);
void breakers_free(struct breakers *b);

#endif
