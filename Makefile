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
ifeq ($(FLAVOUR),fuzz)
CC      := clang
endif
PKGS    := libuv openssl libconfig jansson

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wold-style-definition -Wpointer-arith -Wcast-align -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla \
        -Wnull-dereference -Wdouble-promotion -Werror
ifeq ($(findstring clang,$(CC)),)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
endif

HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LINK   := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(FLAVOUR),plain)
OPT := -O2 -g $(HARDEN)
# The program is optimised as a whole; test programs link the same objects as they are.
ifeq ($(findstring clang,$(CC)),)
LTO      := -flto=auto -ffat-lto-objects
LTO_LINK := -flto=auto -O2
endif
else ifeq ($(FLAVOUR),asan)
OPT  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -Wno-null-dereference
LINK := -fsanitize=address,undefined
else ifeq ($(FLAVOUR),tsan)
OPT  := -O1 -g -fsanitize=thread -Wno-tsan
LINK := -fsanitize=thread
else ifeq ($(FLAVOUR),coverage)
OPT  := -O0 -g --coverage
LINK := --coverage
else ifeq ($(FLAVOUR),fuzz)
OPT  := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LINK := -fsanitize=fuzzer,address,undefined
else
$(error FLAVOUR is plain, asan, tsan, coverage or fuzz)
endif

# pkg-config is asked at the first use and once: `make test` and `make demo` install it before that.
PKG_CFLAGS   = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS     = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CPPFLAGS_ALL = -D_GNU_SOURCE -DPHONEGATE_VERSION='"$(VERSION)"' -I. \
               -isystem $(LLHTTP_INCLUDE) $(PKG_CFLAGS)
CFLAGS_ALL   = -std=c11 $(OPT) $(LTO) $(WARN) $(CFLAGS)
LIBS         = $(PKG_LIBS) $(LLHTTP_LIBS) -lunistring -lzxcvbn -lpthread

# llhttp: the packaged library where there is one (Debian 13), else its packaged sources (Debian 12, node-llhttp).
ifeq ($(shell pkg-config --exists libllhttp 2>/dev/null && echo yes),yes)
LLHTTP_INCLUDE := $(or $(patsubst -I%,%,$(firstword $(shell pkg-config --cflags-only-I libllhttp))),/usr/include)
LLHTTP_LIBS    := $(shell pkg-config --libs libllhttp)
else ifneq ($(wildcard /usr/share/llhttp/llhttp.c),)
LLHTTP_INCLUDE := /usr/share/include/llhttp
LLHTTP_OBJ     := $(patsubst %,$(OUT)/llhttp/%.o,llhttp api http)
else
LLHTTP_INCLUDE := /usr/include
LLHTTP_LIBS    := -lllhttp
endif

POLICY_SRC := $(wildcard policy/*/*.c)
CERTS_SRC  := $(wildcard certs/*.c)
PROXY_SRC  := $(filter-out proxy/main.c,$(wildcard proxy/*.c proxy/*/*.c))
POLICY_OBJ := $(POLICY_SRC:%.c=$(OUT)/%.o)
REST_OBJ   := $(PROXY_SRC:%.c=$(OUT)/%.o) $(CERTS_SRC:%.c=$(OUT)/%.o) $(LLHTTP_OBJ)
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_HELP  := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
HEADERS    := $(wildcard policy/*/*.h certs/*.h proxy/*.h proxy/*/*.h tests/*/*.h)
FUZZ_BIN   := $(patsubst tests/fuzz/%.c,$(OUT)/fuzzers/%,$(wildcard tests/fuzz/fuzz_*.c))
UNIT_BIN   := $(UNIT_SRC:tests/unit/%.c=$(OUT)/unit/%)

# One short line a step; V=1 shows the commands.
ifneq ($(V),1)
Q := @
say = @printf '  %-4s %s\n' $(1) $(2)
endif

build/phonegate: $(OUT)/phonegate ## the program (default)
	@[ "$(FLAVOUR)" != plain ] || ln -sf plain/phonegate $@

$(OUT)/phonegate: $(OUT)/proxy/main.o $(OUT)/libproxy.a $(OUT)/libpolicy.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK) $(LTO_LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

# The directories stand for files that are gone.
$(OUT)/libpolicy.a: $(POLICY_OBJ) $(sort $(dir $(POLICY_SRC)))
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)

$(OUT)/libproxy.a: $(REST_OBJ) $(sort $(dir $(PROXY_SRC) $(CERTS_SRC)))
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)

$(OUT)/%.o: %.c Makefile | build/.libraries
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# llhttp's own sources: never edited, without our warnings.
$(OUT)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -O2 -g $(filter -fsanitize=% -fPIE,$(OPT)) -I$(LLHTTP_INCLUDE) -w -c -o $@ $<

build/.libraries:
	@mkdir -p build
	@command -v pkg-config >/dev/null && pkg-config --exists $(PKGS) && [ -e $(LLHTTP_INCLUDE)/llhttp.h ] && \
	    printf '#include <%s.h>\n' unistr zxcvbn | $(CC) -E - >/dev/null 2>&1 || \
	    { echo "make: $(PKGS), libunistring, libzxcvbn or llhttp missing; run deploy/install-deps.sh build" >&2; exit 1; }
	@touch $@

# ---- test programs ----

$(OUT)/unit/%: $(OUT)/tests/unit/%.o $(UNIT_HELP:%.c=$(OUT)/%.o) $(OUT)/libproxy.a $(OUT)/libpolicy.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK) -fno-lto -o $@ $^ $(LIBS) -lcmocka

$(OUT)/harden_read $(OUT)/phone_fetch: $(OUT)/%: $(OUT)/tests/e2e/%.o $(OUT)/libproxy.a $(OUT)/libpolicy.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK) -fno-lto -o $@ $^ $(LIBS)

$(OUT)/fuzzers/%: $(OUT)/tests/fuzz/%.o $(OUT)/libproxy.a $(OUT)/libpolicy.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK) -fno-lto -o $@ $^ $(LIBS)

# The bench: its load generator and its phone know nothing of the gate's own sources.
BENCH_BIN := build/bench/load build/bench/origin
BENCH_USE := tests/bench/util.c tests/bench/wire.c
build/bench/origin: tests/bench/origin_digest.c
build/bench/load: tests/bench/load_conn.c tests/bench/load_digest.c tests/bench/stats.c
$(BENCH_BIN): build/bench/%: tests/bench/%.c $(BENCH_USE) $(wildcard tests/bench/*.h) Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) -std=c11 -O2 -g $(WARN) -o $@ $(filter %.c,$^) $(shell pkg-config --libs openssl)

build/bench/bench_%: $(OUT)/tests/bench/bench_%.o $(OUT)/libproxy.a $(OUT)/libpolicy.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LINK) -fno-lto -o $@ $^ $(LIBS)

# A header that does not compile alone has no .ok file (tests/lint/run asks for them).
build/headers/%.ok: % Makefile | build/.libraries
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -std=c11 $(WARN) -MMD -MP -MT $@ -MF $(@:.ok=.d) -fsyntax-only -x c -include $< /dev/null
	@touch $@

.PHONY: unit-programs fuzz-programs headers bench-tools bench-run
bench-tools: $(BENCH_BIN)
unit-programs: $(UNIT_BIN)
fuzz-programs: $(FUZZ_BIN)
headers: $(HEADERS:%=build/headers/%.ok)

-include $(shell find $(OUT) build/headers -name '*.d' 2>/dev/null)

# ---- what people type ----

.PHONY: test test-run check e2e asan tsan fuzz lint format coverage bench bench-page bench-http bench-authn bench-decide soak demo install hooks clean help
test: ## everything: installs what is missing, ends with "N passed, N failed"
	@deploy/install-deps.sh test
	@$(MAKE) test-run
test-run:
# The fuzzers have a moment when a person waits, a minute each in CI.
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-$${CI:+60}} $(PYTHON) tests/run lint unit e2e unit-asan e2e-asan fuzz

check: ## quick lint and unit tests (before each commit)
	@$(PYTHON) tests/run lint unit
e2e: ## the real program, simulated phones and real clients
	@$(PYTHON) tests/run e2e
asan: ## unit and e2e under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(PYTHON) tests/run unit-asan e2e-asan
tsan: ## unit and e2e under ThreadSanitizer
	@$(PYTHON) tests/run unit-tsan e2e-tsan
fuzz: ## each fuzzer for FUZZ_SECONDS (60)
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(PYTHON) tests/run fuzz
lint: ## quick lint, then clang-tidy, cppcheck and shellcheck
	@$(PYTHON) tests/run lint-full
format: ## clang-format in place
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format-14 -i
coverage: ## lines and branches that the unit tests reach
	@$(MAKE) FLAVOUR=coverage unit-programs
	@find build/coverage -name '*.gcda' -delete
	@$(PYTHON) tests/run unit-coverage
	@$(PYTHON) tests/lint/coverage.py
bench: ## the gate beside nginx, HAProxy and lighttpd: CPU per request (minutes)
	@deploy/install-deps.sh bench
	@$(MAKE) bench-run
bench-page: build/phonegate ## what a person waits for at a slow phone: straight, nginx, the gate (2 minutes)
	@deploy/install-deps.sh bench
	$(if $(ROUNDS),ROUNDS="$(ROUNDS)") $(PYTHON) tests/bench/page.py $(BENCH_ARGS)
bench-http: build/bench/bench_http ## nanoseconds to read one request head (seconds)
	@$<
bench-authn: build/bench/bench_authn ## microseconds to check one Digest answer (seconds)
	@$<
bench-decide: build/bench/bench_decide ## nanoseconds to judge one request (seconds)
	@$<
bench-run: build/phonegate $(BENCH_BIN)
	$(foreach v,ROUNDS SECONDS_EACH SCENARIOS PEERS PIECE_MIB,$(if $($(v)),$(v)="$($(v))")) $(PYTHON) tests/bench/run.py $(BENCH_ARGS)
soak: build/phonegate $(BENCH_BIN) ## SOAK_MINUTES (30) of half its load at phones that fail: no growth, nothing lost or unexplained
	@$(foreach v,SOAK_MINUTES SOAK_LOAD,$(if $($(v)),$(v)="$($(v))")) $(PYTHON) tests/soak/soak.py
demo: ## a working gate in front of three simulated phones
	@deploy/install-deps.sh demo
	@$(MAKE) -j$$(nproc) build/phonegate
	@exec $(PYTHON) deploy/demo.py $(DEMO_ARGS)

# What each profile is expected to say: `phonegate check --expect`.
POLICY_TABLES := $(wildcard tests/vectors/snom.txt tests/vectors/policy/*.txt)
MAN := $(wildcard deploy/man/*.[158])
install: build/phonegate ## below DESTDIR and PREFIX (/usr/local)
	install -D -m 755 build/plain/phonegate $(DESTDIR)$(PREFIX)/bin/phonegate
	install -d $(DESTDIR)$(PREFIX)/share/phonegate/profiles $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 644 $(wildcard policy/profiles/*.cfg) $(DESTDIR)$(PREFIX)/share/phonegate/profiles
	install -d $(DESTDIR)$(PREFIX)/share/phonegate/tests
	install -m 644 $(POLICY_TABLES) $(DESTDIR)$(PREFIX)/share/phonegate/tests
	sed 's|/usr/bin/phonegate|$(PREFIX)/bin/phonegate|' deploy/phonegate.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/phonegate.service
	for page in $(MAN); do \
	    install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done

hooks: ## run the quick lint and the unit tests before each commit
	ln -sf "$(CURDIR)/tests/lint/pre-commit" "$$(git rev-parse --git-path hooks)/pre-commit"
clean: ## remove build/
	rm -rf build
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9\/-]+:.*## / {printf "  make %-16s %s\n", $$1 == "build/phonegate" ? "" : $$1, $$2}' $(MAKEFILE_LIST)
