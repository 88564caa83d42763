/* lockout_news.h: the beginnings and ends of blocks as access records. */
#ifndef PROXY_RUN_LOCKOUT_NEWS_H
#define PROXY_RUN_LOCKOUT_NEWS_H

#include "proxy/run/worker.h"

/* Write a record for all that is new, "lockout_started" or "lockout_ended". */
void lockout_news_tell(const struct shared *shared, struct hasher *hasher, uint64_t now_ms);

#endif
