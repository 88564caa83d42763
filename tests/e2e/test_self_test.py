"""phonegate self-test, and an OpenSSL that lacks algorithms (R30)."""

import os
import subprocess

import pytest

import gate as gate_module
from cfgdir import ConfigDir

# The base provider alone: keys can be read and nothing can be hashed.
NOTHING = """openssl_conf = init
[init]
providers = list
[list]
base = base_section
[base_section]
activate = 1
"""

# Debian has no FIPS module. This stands in for it: an OpenSSL that does not know MD5.
NO_MD5 = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/evp.h>
#include <strings.h>

EVP_MD *EVP_MD_fetch(OSSL_LIB_CTX *ctx, const char *name, const char *properties) {
    EVP_MD *(*real)(OSSL_LIB_CTX *, const char *, const char *) = dlsym(RTLD_NEXT, "EVP_MD_fetch");
    return strcasecmp(name, "MD5") == 0 ? NULL : real(ctx, name, properties);
}
"""


@pytest.fixture
def cfg(tmp_path):
    return ConfigDir(tmp_path)


def run(cfg, *words, **env):
    return subprocess.run([gate_module.program(), *words], cwd=cfg.path, capture_output=True,
                          text=True, timeout=60, env={**os.environ, **env})


@pytest.fixture
def no_md5(cfg):
    (cfg.path / "nomd5.c").write_text(NO_MD5)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "nomd5.so", "nomd5.c"], cwd=cfg.path,
                   check=True, capture_output=True)
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": str(cfg.path / "nomd5.so"),
            "ASAN_OPTIONS": options + ":verify_asan_link_order=0"}


def test_V13_R31_self_test_in_under_a_second(cfg):
    before = os.times()
    done = run(cfg, "self-test")
    after = os.times()      # of a processor: what else this machine does is not counted
    assert sum(after[2:4]) - sum(before[2:4]) < 1 * gate_module.SLOWER
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "15 sums, 0 wrong, 0 algorithms missing"
    assert all("  ok" in line for line in lines[:-1])
    assert sum("must not come out" in line for line in lines) == 2
    assert run(cfg, "self-test", "x").returncode == 2


def test_R30_self_test_names_MD5(cfg, no_md5):
    done = run(cfg, "self-test", **no_md5)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "15 sums, 0 wrong, 1 algorithm missing"
    assert done.stderr.startswith("phonegate self-test: MD5 is missing in this machine's OpenSSL "
                                  "(FIPS mode?): ")
    assert len(done.stderr.splitlines()) == 1


def test_R30_a_configuration_with_MD5_is_refused_and_one_without_is_fine(cfg, no_md5):
    for command in ("check", "serve"):
        done = run(cfg, command, "-c", "phonegate.cfg", **no_md5)
        assert done.returncode == 1
        assert done.stderr.splitlines()[0] == (
            'phonegate.cfg:5: error: digest algorithm "MD5" is missing in this machine\'s OpenSSL '
            '(FIPS mode?)')
    done = subprocess.run([gate_module.program(), "user", "add", "carol", "-c", "phonegate.cfg"],
                          cwd=cfg.path, input="seventeen Zebras\n", capture_output=True, text=True,
                          timeout=60, env={**os.environ, **no_md5})
    assert done.returncode == 1 and "MD5" in done.stderr
    cfg.change(', "MD5"', "")
    assert run(cfg, "check", "-c", "phonegate.cfg", **no_md5).returncode == 0


def test_R30_an_openssl_without_any_hash_is_named(cfg):
    (cfg.path / "nothing.cnf").write_text(NOTHING)
    env = {"OPENSSL_CONF": str(cfg.path / "nothing.cnf")}
    done = run(cfg, "self-test", **env)
    assert done.returncode == 1
    assert [line.split(" is missing")[0] for line in done.stderr.splitlines()] == [
        "phonegate self-test: " + name for name in ("MD5", "SHA-256", "SHA-512-256")]
    for words in (["check"], ["serve"], ["user", "list"]):
        done = run(cfg, *words, "-c", "phonegate.cfg", **env)
        assert done.returncode == 1
        assert done.stderr == ("phonegate %s: SHA-256 is missing in this machine's OpenSSL: nothing "
                               "works without it (see phonegate self-test)\n" % words[0])
    assert run(cfg, "version", **env).returncode == 0
