/* asset_cache.h: copies of what phones' pages are made of, for all workers, behind one lock.
 *
 * The cache decides nothing: it is asked only about requests that decide() has forwarded, and only
 * about what the profile names static (policy/access/asset.h). A copy does not change once it is
 * kept; whoever got one holds it until they release it. All memory that copies take, kept, being
 * collected or dropped but still held by somebody, stays within `bytes`; the one used longest ago
 * goes first. */
#ifndef PROXY_RUN_ASSET_CACHE_H
#define PROXY_RUN_ASSET_CACHE_H

#include "policy/access/asset.h"
#include "proxy/config/config.h"

/* "pg-, 16 hex digits, a quote. */
#define ASSET_TAG_LEN 21
/* Names and values of the fields kept with one copy: they go into one head together with ours. */
#define ASSET_FIELDS_MAX 4096

/* What a copy is a copy of. */
struct asset_key {
    uint64_t phone;      /* phone_cache_key: another phone object has another one */
    uint64_t generation; /* of that phone: a copy of an older one is never given out */
    unsigned account;    /* the phone may answer its accounts differently */
    struct str target;   /* what the phone was sent */
};

struct asset {
    struct asset_validators validators;
    const struct header *headers; /* those of asset_keeps_field */
    size_t header_count;
    struct str body;
    /* The cache's own, under its lock: */
    struct asset *next;          /* in its bucket, or among the dead */
    struct asset *newer, *older; /* in the order of use */
    struct asset_key key;
    uint64_t checked_ms; /* when the phone last said that this is it */
    size_t size;         /* all memory of it, counted in the total */
    size_t room;         /* of `octets`, while it is being collected */
    char *octets;        /* the body, owned */
    unsigned holders;
    bool is_kept; /* can be found */
    char tag[ASSET_TAG_LEN];
};

struct asset_cache;

struct asset_cache *asset_cache_new(const uint64_t hash_key[2],
                                    const struct config_asset_cache *limits);
/* When nobody holds a copy any more. NULL is fine. */
void asset_cache_free(struct asset_cache *cache);

/* New limits after a reload: what is too much goes at once. */
void asset_cache_set_limits(struct asset_cache *cache, const struct config_asset_cache *limits);

enum asset_verdict {
    ASSET_NONE,  /* none, or one that is of no use */
    ASSET_FRESH, /* may be served; *asset is held */
    ASSET_STALE, /* too old, or `recheck`: may be served after the phone has said that it is the
                    same; *asset is held */
};

/* Loop time in ms. `recheck`: the phone must be asked, however young the copy is. */
MUST_USE enum asset_verdict asset_cache_find(struct asset_cache *cache, const struct asset_key *key,
                                             bool recheck, uint64_t now_ms, struct asset **asset);
/* Milliseconds since the phone said that this is it. */
uint64_t asset_cache_age(struct asset_cache *cache, const struct asset *asset, uint64_t now_ms);
/* The phone has just said that the copy is still right. */
void asset_cache_confirm(struct asset_cache *cache, struct asset *asset, uint64_t now_ms);

/* Begin to collect a copy: `headers` are those of the phone's answer, `length` is that of its body,
 * 0 where none was announced. NULL where there is no room, or body or fields are longer than a
 * copy's may be. */
struct asset *asset_cache_begin(struct asset_cache *cache, const struct asset_key *key,
                                const struct header *headers, size_t count, uint64_t length);
/* More of its body. False: it became too long, release it. */
MUST_USE bool asset_cache_add(struct asset_cache *cache, struct asset *asset, struct str data);
/* The body is complete: from now on it can be found, in the place of an older one. Goes over to the
 * cache. `id`: 8 octets that tell this content from any other. */
void asset_cache_keep(struct asset_cache *cache, struct asset *asset, const uint8_t id[8],
                      uint64_t now_ms);

/* Let go of a copy, kept or being collected. NULL is fine. */
void asset_cache_release(struct asset_cache *cache, struct asset *asset);

/* For metrics. */
enum asset_result {
    ASSET_RESULT_NONE,
    /* not about a copy */ ASSET_RESULT_MISS,
    ASSET_RESULT_HIT,
    ASSET_RESULT_REVALIDATED,
    ASSET_RESULTS
};
/* "miss", "hit", "revalidated"; NULL for ASSET_RESULT_NONE. */
const char *asset_result_name(enum asset_result result);
void asset_cache_count(struct asset_cache *cache, enum asset_result result);
struct asset_numbers {
    uint64_t results[ASSET_RESULTS];
    size_t copies, bytes;
};
struct asset_numbers asset_cache_numbers(struct asset_cache *cache);

#endif
