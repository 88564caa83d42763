/* The group "asset_cache". */
#include "proxy/config/loader.h"

#define AT(field) offsetof(struct snapshot, config.asset_cache.field)
const struct reader_key load_asset_cache_keys[] = {
    {.name = "bytes",
     .type = READER_SIZE,
     .offset = AT(bytes),
     .max = INT64_C(1) << 32,
     .absent = 16 * 1024 * 1024},
    {.name = "object_bytes",
     .type = READER_SIZE,
     .offset = AT(object_bytes),
     .min = 1024,
     .max = 4 * 1024 * 1024,
     .absent = 256 * 1024},
    {.name = "max_age_s",
     .type = READER_SECONDS,
     .offset = AT(max_age_ms),
     .max = 86400,
     .absent = 300},
    {.name = NULL},
};
