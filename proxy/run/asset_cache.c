#include "proxy/run/asset_cache.h"

#include <pthread.h>
#include <string.h>

#include "policy/base/outbuf.h"

#define BUCKETS 4096
/* Where no length was announced the body's memory begins here and doubles. */
#define FIRST_ROOM 8192

struct asset_cache {
    pthread_mutex_t lock;
    uint64_t hash_key[2];
    struct config_asset_cache limits;
    size_t bytes; /* of all copies that are in memory */
    size_t copies;
    struct asset *newest, *oldest;
    struct asset *buckets[BUCKETS];
    uint64_t results[ASSET_RESULTS];
};

struct asset_cache *asset_cache_new(const uint64_t hash_key[2],
                                    const struct config_asset_cache *limits) {
    struct asset_cache *cache = calloc(1, sizeof(*cache));
    ENSURE(cache != NULL);
    pthread_mutex_init(&cache->lock, NULL);
    memcpy(cache->hash_key, hash_key, sizeof(cache->hash_key));
    cache->limits = *limits;
    return cache;
}

/* ---- one copy's memory; its octets count until they are given back ---- */

static void destroy(struct asset *asset) {
    free(asset->octets);
    free(asset);
}

static void destroy_all(struct asset *dead) {
    while (dead != NULL) {
        struct asset *next = dead->next;
        destroy(dead);
        dead = next;
    }
}

/* Nobody can find it: it goes when nobody holds it. Under the lock; memory is given back outside.
 */
static void bury(struct asset_cache *cache, struct asset *asset, struct asset **dead) {
    if (asset->is_kept || asset->holders > 0) return;
    cache->bytes -= asset->size;
    asset->next = *dead;
    *dead = asset;
}

/* ---- the table and the order of use, under the lock ---- */

static struct asset **bucket_of(struct asset_cache *cache, const struct asset_key *key) {
    uint64_t hash = str_hash(key->target, cache->hash_key, false) ^ key->phone ^ key->account;
    return &cache->buckets[hash % BUCKETS];
}

static bool same_thing(const struct asset_key *a, const struct asset_key *b) {
    return a->phone == b->phone && a->account == b->account && str_equal(a->target, b->target);
}

static void use_unlink(struct asset_cache *cache, struct asset *asset) {
    if (asset->newer != NULL)
        asset->newer->older = asset->older;
    else
        cache->newest = asset->older;
    if (asset->older != NULL)
        asset->older->newer = asset->newer;
    else
        cache->oldest = asset->newer;
    asset->newer = asset->older = NULL;
}

static void use_link(struct asset_cache *cache, struct asset *asset) {
    asset->newer = NULL;
    asset->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = asset;
    else
        cache->oldest = asset;
    cache->newest = asset;
}

static void take_out(struct asset_cache *cache, struct asset *asset, struct asset **dead) {
    struct asset **at = bucket_of(cache, &asset->key);
    while (*at != asset) at = &(*at)->next;
    *at = asset->next;
    use_unlink(cache, asset);
    asset->is_kept = false;
    cache->copies--;
    bury(cache, asset, dead);
}

static struct asset *look_up(struct asset_cache *cache, const struct asset_key *key) {
    struct asset *asset = *bucket_of(cache, key);
    while (asset != NULL && !same_thing(&asset->key, key)) asset = asset->next;
    return asset;
}

/* Room for so many octets more; what was used longest ago goes for it. */
static bool reserve(struct asset_cache *cache, size_t more, struct asset **dead) {
    if (more > cache->limits.bytes) return false;
    while (cache->bytes > cache->limits.bytes - more && cache->oldest != NULL)
        take_out(cache, cache->oldest, dead);
    if (cache->bytes > cache->limits.bytes - more) return false; /* held by somebody */
    cache->bytes += more;
    return true;
}

/* ---- limits and the end ---- */

void asset_cache_set_limits(struct asset_cache *cache, const struct config_asset_cache *limits) {
    struct asset *dead = NULL;
    pthread_mutex_lock(&cache->lock);
    cache->limits = *limits;
    (void)reserve(cache, 0, &dead);
    pthread_mutex_unlock(&cache->lock);
    destroy_all(dead);
}

void asset_cache_free(struct asset_cache *cache) {
    if (cache == NULL) return;
    asset_cache_set_limits(cache, &(struct config_asset_cache){0});
    ENSURE(cache->bytes == 0); /* nobody holds one */
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* ---- finding ---- */

static enum asset_verdict judge(const struct asset_cache *cache, const struct asset *asset,
                                const struct asset_key *key, bool recheck, uint64_t now_ms) {
    if (asset->key.generation != key->generation) return ASSET_NONE;
    bool young = now_ms < asset->checked_ms || /* another worker's clock is read a little later */
                 now_ms - asset->checked_ms < cache->limits.max_age_ms;
    if (young && !recheck) return ASSET_FRESH;
    const struct asset_validators *v = &asset->validators;
    return v->phone_tag.len > 0 || v->last_modified.len > 0 ? ASSET_STALE : ASSET_NONE;
}

enum asset_verdict asset_cache_find(struct asset_cache *cache, const struct asset_key *key,
                                    bool recheck, uint64_t now_ms, struct asset **asset) {
    enum asset_verdict verdict = ASSET_NONE;
    struct asset *dead = NULL;
    *asset = NULL;
    pthread_mutex_lock(&cache->lock);
    struct asset *found = look_up(cache, key);
    if (found != NULL) {
        verdict = judge(cache, found, key, recheck, now_ms);
        if (verdict == ASSET_NONE) {
            take_out(cache, found, &dead);
        } else {
            use_unlink(cache, found);
            use_link(cache, found);
            found->holders++;
            *asset = found;
        }
    }
    pthread_mutex_unlock(&cache->lock);
    destroy_all(dead);
    return verdict;
}

uint64_t asset_cache_age(struct asset_cache *cache, const struct asset *asset, uint64_t now_ms) {
    pthread_mutex_lock(&cache->lock);
    uint64_t checked_ms = asset->checked_ms;
    pthread_mutex_unlock(&cache->lock);
    return now_ms > checked_ms ? now_ms - checked_ms : 0;
}

void asset_cache_confirm(struct asset_cache *cache, struct asset *asset, uint64_t now_ms) {
    pthread_mutex_lock(&cache->lock);
    if (now_ms > asset->checked_ms) asset->checked_ms = now_ms;
    pthread_mutex_unlock(&cache->lock);
}

void asset_cache_release(struct asset_cache *cache, struct asset *asset) {
    struct asset *dead = NULL;
    if (asset == NULL) return;
    pthread_mutex_lock(&cache->lock);
    asset->holders--;
    bury(cache, asset, &dead);
    pthread_mutex_unlock(&cache->lock);
    destroy_all(dead);
}

/* ---- collecting ---- */

struct sizes {
    size_t fields, text;
};

/* The phone's ETag stands beside the fields, not among them: the gate shows its own. */
static bool is_kept_text(struct str name) {
    return asset_keeps_field(name) || str_equal_icase(name, STR("ETag"));
}

static struct sizes measure(const struct header *headers, size_t count) {
    struct sizes s = {0};
    for (size_t i = 0; i < count; i++) {
        if (!is_kept_text(headers[i].name)) continue;
        s.text += headers[i].name.len + headers[i].value.len;
        s.fields++;
    }
    return s;
}

static struct str put(struct outbuf *out, struct str text) {
    size_t from = out->len;
    outbuf_put(out, text);
    return str_part(outbuf_str(out), from, text.len);
}

/* Everything but the body in one piece of memory: the copy, its fields, their text. */
static struct asset *compose(const struct asset_key *key, const struct header *headers,
                             size_t count, const struct sizes *s) {
    size_t text_len = key->target.len + s->text;
    size_t size = sizeof(struct asset) + s->fields * sizeof(struct header) + text_len;
    struct asset *asset = calloc(1, size);
    ENSURE(asset != NULL);
    struct header *fields = (struct header *)(asset + 1);
    struct outbuf text;
    outbuf_init(&text, (char *)(fields + s->fields), text_len);
    asset->key = *key;
    asset->key.target = put(&text, key->target);
    for (size_t i = 0; i < count; i++) {
        if (!is_kept_text(headers[i].name)) continue;
        struct header field = {put(&text, headers[i].name), put(&text, headers[i].value)};
        if (str_equal_icase(field.name, STR("ETag"))) {
            asset->validators.phone_tag = field.value;
            continue;
        }
        if (str_equal_icase(field.name, STR("Last-Modified")))
            asset->validators.last_modified = field.value;
        fields[asset->header_count++] = field;
    }
    asset->headers = fields;
    asset->holders = 1;
    asset->size = size;
    return asset;
}

static bool reserve_more(struct asset_cache *cache, struct asset *asset, size_t more) {
    struct asset *dead = NULL;
    pthread_mutex_lock(&cache->lock);
    bool good = reserve(cache, more, &dead);
    if (good) asset->size += more;
    pthread_mutex_unlock(&cache->lock);
    destroy_all(dead);
    return good;
}

static size_t longest_body(struct asset_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    size_t longest = cache->limits.object_bytes;
    pthread_mutex_unlock(&cache->lock);
    return longest;
}

static bool grow(struct asset_cache *cache, struct asset *asset, size_t room) {
    if (!reserve_more(cache, asset, room - asset->room)) return false;
    asset->octets = realloc(asset->octets, room);
    ENSURE(asset->octets != NULL);
    asset->room = room;
    return true;
}

struct asset *asset_cache_begin(struct asset_cache *cache, const struct asset_key *key,
                                const struct header *headers, size_t count, uint64_t length) {
    size_t longest = longest_body(cache);
    if (longest == 0 || length > longest) return NULL;
    struct sizes s = measure(headers, count);
    if (s.text > ASSET_FIELDS_MAX) return NULL;
    struct asset *asset = compose(key, headers, count, &s);
    size_t size = asset->size;
    size_t first = longest < FIRST_ROOM ? longest : FIRST_ROOM;
    asset->size = 0;
    if (reserve_more(cache, asset, size) && grow(cache, asset, length > 0 ? (size_t)length : first))
        return asset;
    asset_cache_release(cache, asset);
    return NULL;
}

bool asset_cache_add(struct asset_cache *cache, struct asset *asset, struct str data) {
    size_t need = asset->body.len + data.len;
    if (need > asset->room) {
        size_t longest = longest_body(cache);
        size_t room = 2 * asset->room > need ? 2 * asset->room : need;
        if (room > longest) room = longest;
        if (need > room || !grow(cache, asset, room)) return false;
    }
    if (data.len > 0) memcpy(asset->octets + asset->body.len, data.ptr, data.len);
    asset->body = (struct str){asset->octets, need};
    return true;
}

static void shrink(struct asset_cache *cache, struct asset *asset) {
    size_t spare = asset->room - asset->body.len;
    if (spare == 0 || asset->body.len == 0) return;
    char *smaller = realloc(asset->octets, asset->body.len);
    ENSURE(smaller != NULL);
    asset->octets = smaller;
    asset->body.ptr = smaller;
    asset->room -= spare;
    pthread_mutex_lock(&cache->lock);
    asset->size -= spare;
    cache->bytes -= spare;
    pthread_mutex_unlock(&cache->lock);
}

void asset_cache_keep(struct asset_cache *cache, struct asset *asset, const uint8_t id[8],
                      uint64_t now_ms) {
    struct asset *dead = NULL;
    struct outbuf tag;
    shrink(cache, asset);
    outbuf_init(&tag, asset->tag, sizeof(asset->tag));
    outbuf_put(&tag, STR("\"pg-"));
    outbuf_hex(&tag, id, 8);
    outbuf_char(&tag, '"');
    ENSURE(!tag.full);
    asset->validators.tag = outbuf_str(&tag);
    pthread_mutex_lock(&cache->lock);
    struct asset *old = look_up(cache, &asset->key);
    if (old != NULL) take_out(cache, old, &dead);
    struct asset **bucket = bucket_of(cache, &asset->key);
    asset->checked_ms = now_ms;
    asset->next = *bucket;
    *bucket = asset;
    asset->is_kept = true;
    asset->holders--;
    cache->copies++;
    use_link(cache, asset);
    (void)reserve(cache, 0, &dead); /* a reload may have lowered the limit meanwhile */
    pthread_mutex_unlock(&cache->lock);
    destroy_all(dead);
}

/* ---- numbers ---- */

const char *asset_result_name(enum asset_result result) {
    static const char *const names[ASSET_RESULTS] = {
        [ASSET_RESULT_MISS] = "miss",
        [ASSET_RESULT_HIT] = "hit",
        [ASSET_RESULT_REVALIDATED] = "revalidated",
    };
    return names[result];
}

void asset_cache_count(struct asset_cache *cache, enum asset_result result) {
    pthread_mutex_lock(&cache->lock);
    cache->results[result]++;
    pthread_mutex_unlock(&cache->lock);
}

struct asset_numbers asset_cache_numbers(struct asset_cache *cache) {
    struct asset_numbers numbers;
    pthread_mutex_lock(&cache->lock);
    memcpy(numbers.results, cache->results, sizeof(numbers.results));
    numbers.copies = cache->copies;
    numbers.bytes = cache->bytes;
    pthread_mutex_unlock(&cache->lock);
    return numbers;
}
