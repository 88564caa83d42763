# phonegate: everything is built below build/. `make help` lists the targets.
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := build/phonegate
.DELETE_ON_ERROR:
.SECONDARY:

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
VERSION := 0.1.0

# One directory of objects per flavour: make FLAVOUR=asan builds the same sources below build/asan.
FLAVOUR ?= plain
OUT     := build/$(FLAVOUR)
PKGS    := libuv openssl libconfig

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wold-style-definition -Wpointer-arith -Wcast-align -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla \
        -Wnull-dereference -Wdouble-promotion -Werror
ifeq ($(findstring clang,$(CC)),)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
endif

HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LINK   := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(FLAVOUR),plain)
OPT := -O2 -g $(HARDEN)
else ifeq ($(FLAVOUR),asan)
OPT  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -Wno-null-dereference
LINK := -fsanitize=address,undefined
else ifeq ($(FLAVOUR),tsan)
OPT  := -O1 -g -fsanitize=thread -Wno-tsan
LINK := -fsanitize=thread
else ifeq ($(FLAVOUR),coverage)
OPT  := -O0 -g --coverage
LINK := --coverage
else
$(error FLAVOUR is plain, asan, tsan or coverage)
endif

CPPFLAGS_ALL = -D_GNU_SOURCE -DPHONEGATE_VERSION='"$(VERSION)"' -DPHONEGATE_PREFIX='"$(PREFIX)"' -I. \
               -isystem $(LLHTTP_INCLUDE) $(shell pkg-config --cflags $(PKGS))
CFLAGS_ALL   = -std=c11 $(OPT) $(WARN) $(CFLAGS)
LIBS         = $(shell pkg-config --libs $(PKGS)) $(LLHTTP_LIBS) -lpthread

# llhttp: the packaged library where there is one (Debian 13), else its packaged sources (Debian 12, node-llhttp).
ifeq ($(shell pkg-config --exists libllhttp 2>/dev/null && echo yes),yes)
LLHTTP_INCLUDE := $(or $(patsubst -I%,%,$(firstword $(shell pkg-config --cflags-only-I libllhttp))),/usr/include)
LLHTTP_LIBS    := $(shell pkg-config --libs libllhttp)
else
LLHTTP_INCLUDE := /usr/share/include/llhttp
LLHTTP_OBJ     := $(patsubst %,$(OUT)/llhttp/%.o,llhttp api http)
endif

POLICY_SRC := $(wildcard policy/*/*.c)
CERTS_SRC  := $(wildcard certs/*.c)
PROXY_SRC  := $(filter-out proxy/main.c,$(wildcard proxy/*.c proxy/*/*.c))
POLICY_OBJ := $(POLICY_SRC:%.c=$(OUT)/%.o)
REST_OBJ   := $(PROXY_SRC:%.c=$(OUT)/%.o) $(CERTS_SRC:%.c=$(OUT)/%.o) $(LLHTTP_OBJ)
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_HELP  := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
UNIT_BIN   := $(UNIT_SRC:tests/unit/%.c=$(OUT)/unit/%)

build/phonegate: $(OUT)/phonegate
	@[ "$(FLAVOUR)" != plain ] || ln -sf plain/phonegate $@

$(OUT)/phonegate: $(OUT)/proxy/main.o $(OUT)/libproxy.a $(OUT)/libpolicy.a
	$(CC) $(LINK) -o $@ $^ $(LIBS)

$(OUT)/libpolicy.a: $(POLICY_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(OUT)/libproxy.a: $(REST_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# llhttp's own sources: never edited, without our warnings.
$(OUT)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -g $(filter -fsanitize=% -fPIE,$(OPT)) -I$(LLHTTP_INCLUDE) -w -c -o $@ $<

$(OUT)/unit/%: $(OUT)/tests/unit/%.o $(UNIT_HELP:%.c=$(OUT)/%.o) $(OUT)/libproxy.a $(OUT)/libpolicy.a
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ $(LIBS) -lcmocka

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

# The bench: its load generator and its phone know nothing of the gate's own sources.
BENCH_BIN := build/bench/load build/bench/origin
BENCH_USE := tests/bench/util.c tests/bench/wire.c
build/bench/origin: tests/bench/origin_digest.c
build/bench/load: tests/bench/load_conn.c tests/bench/load_digest.c tests/bench/stats.c
$(BENCH_BIN): build/bench/%: tests/bench/%.c $(BENCH_USE) $(wildcard tests/bench/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -std=c11 -O2 -g $(WARN) -o $@ $(filter %.c,$^) $(shell pkg-config --libs openssl)

.PHONY: bench bench-tools
bench-tools: $(BENCH_BIN)
bench: build/phonegate $(BENCH_BIN) ## the gate beside nginx, HAProxy and lighttpd: CPU per request (minutes)
	$(foreach v,ROUNDS SECONDS_EACH SCENARIOS PEERS,$(if $($(v)),$(v)="$($(v))")) $(PYTHON) tests/bench/run.py $(BENCH_ARGS)
