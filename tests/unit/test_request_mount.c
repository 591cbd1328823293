#include "cli/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* --mount @text is @want, as JSON with sorted keys. */
static void is(const char *text, const char *want)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_json_ json_t *m = NULL, *wanted = json_loads(want, 0, NULL);
    assert_non_null(wanted);
    if (parse_mount(text, &m, &e) < 0)
        fail_msg("%s: %s", text, err_text(&e));
    if (!json_equal(m, wanted)) {
        _cleanup_free_ char *got = json_text(m, JSON_SORT_KEYS);
        fail_msg("%s: %s", text, got);
    }
}

static void fails(const char *text, const char *with)
{
    _cleanup_err_ struct err e = ERR_INIT;
    json_t *m = NULL;
    assert_int_equal(parse_mount(text, &m, &e), -EINVAL);
    assert_null(m);
    if (!strstr(err_text(&e), with))
        fail_msg("%s: \"%s\" has no \"%s\"", text, err_text(&e), with);
}

static void types_and_names(void **state)
{
    is("dst=/d", "{\"Type\":\"volume\",\"Target\":\"/d\",\"ReadOnly\":false}");
    is("type=volume,src=v,target=/d,ro",
       "{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/d\",\"ReadOnly\":true}");
    is("type=bind,source=/s,destination=/d,readonly=1",
       "{\"Type\":\"bind\",\"Source\":\"/s\",\"Target\":\"/d\",\"ReadOnly\":true}");
    is("readonly=false,type=tmpfs,dst=/d",
       "{\"Type\":\"tmpfs\",\"Target\":\"/d\",\"ReadOnly\":false}");
    /* The last one counts. */
    is("dst=/a,dst=/b", "{\"Type\":\"volume\",\"Target\":\"/b\",\"ReadOnly\":false}");
    is("dst=/d,consistency=cached", "{\"Type\":\"volume\",\"Target\":\"/d\",\"ReadOnly\":false}");
}

static void options_of_volumes(void **state)
{
    is("dst=/d,volume-nocopy,volume-subpath=a/"
       "b,volume-label=x=y=z,volume-label=k,volume-driver=local,"
       "volume-opt=type=tmpfs,volume-opt=device=tmpfs",
       "{\"Type\":\"volume\",\"Target\":\"/"
       "d\",\"ReadOnly\":false,\"VolumeOptions\":{\"NoCopy\":true,"
       "\"Subpath\":\"a/"
       "b\",\"Labels\":{\"x\":\"y=z\",\"k\":\"\"},\"DriverConfig\":{\"Name\":\"local\","
       "\"Options\":{\"type\":\"tmpfs\",\"device\":\"tmpfs\"}}}}");
    is("dst=/d,volume-nocopy=false", "{\"Type\":\"volume\",\"Target\":\"/d\",\"ReadOnly\":false,"
                                     "\"VolumeOptions\":{\"NoCopy\":false}}");
}

static void options_of_binds(void **state)
{
    is("type=bind,src=/s,dst=/d,bind-propagation=rslave,bind-create-src,bind-recursive=writable",
       "{\"Type\":\"bind\",\"Source\":\"/s\",\"Target\":\"/d\",\"ReadOnly\":false,\"BindOptions\":{"
       "\"Propagation\":\"rslave\",\"CreateMountpoint\":true,\"ReadOnlyNonRecursive\":true}}");
    is("type=bind,src=/s,dst=/d,ro,bind-recursive=readonly",
       "{\"Type\":\"bind\",\"Source\":\"/s\",\"Target\":\"/d\",\"ReadOnly\":true,\"BindOptions\":{"
       "\"ReadOnlyForceRecursive\":true}}");
    is("type=bind,src=/s,dst=/d,bind-recursive=enabled",
       "{\"Type\":\"bind\",\"Source\":\"/s\",\"Target\":\"/d\",\"ReadOnly\":false}");
    fails("type=bind,src=/s,dst=/d,bind-recursive=perhaps", "bind-recursive must be");
    fails("type=bind,src=/s,dst=/d,bind-recursive=readonly", "requires 'readonly'");
}

static void options_of_tmpfs(void **state)
{
    is("type=tmpfs,dst=/d,tmpfs-size=1m,tmpfs-mode=0700",
       "{\"Type\":\"tmpfs\",\"Target\":\"/d\",\"ReadOnly\":false,\"TmpfsOptions\":{\"SizeBytes\":"
       "1048576,\"Mode\":448}}");
    fails("type=tmpfs,dst=/d,tmpfs-mode=8", "tmpfs-mode");
    fails("type=tmpfs,dst=/d,tmpfs-mode=-1", "tmpfs-mode");
    fails("type=tmpfs,dst=/d,tmpfs-mode=10000", "tmpfs-mode");
    fails("type=tmpfs,dst=/d,tmpfs-mode=", "tmpfs-mode");
    fails("type=tmpfs,dst=/d,tmpfs-size=x", "invalid size");
    fails("type=tmpfs,dst=/d,src=/s", "must not be specified");
}

static void fields_in_quotes(void **state)
{
    is("dst=/d,\"volume-opt=o=a,b\",src=v", "{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/"
                                            "d\",\"ReadOnly\":false,\"VolumeOptions\":{"
                                            "\"DriverConfig\":{\"Options\":{\"o\":\"a,b\"}}}}");
    is("\"src=a\"\"b\",dst=/d",
       "{\"Type\":\"volume\",\"Source\":\"a\\\"b\",\"Target\":\"/d\",\"ReadOnly\":false}");
    is("dst=/d,src=a\"b",
       "{\"Type\":\"volume\",\"Source\":\"a\\\"b\",\"Target\":\"/d\",\"ReadOnly\":false}");
    fails("dst=/d,\"src=a", "quotes");
    fails("dst=/d,\"src=a\"b", "quotes");
    fails("\"", "quotes");
}

static void what_is_refused(void **state)
{
    fails("", "key=value");
    fails(",", "key=value");
    fails("dst=/d,", "key=value");
    fails("src=v", "target is required");
    fails("dst=", "target is required");
    fails("type=npipe,dst=/d", "mount type unknown");
    fails("type=,dst=/d", "mount type unknown");
    fails("dst=/d,colour=red", "unexpected key 'colour'");
    fails("dst=/d,type", "key=value");
    fails("dst=/d,ro=maybe", "'ro'");
    fails("type=bind,dst=/d", "must not be empty");
    fails("dst=/d,bind-propagation=x", "cannot mix 'bind-*'");
    fails("type=bind,src=/s,dst=/d,volume-nocopy", "cannot mix 'volume-*'");
    fails("dst=/d,tmpfs-mode=700", "cannot mix 'tmpfs-*'");
    fails("dst=/d,volume-subpath=\xff", "UTF-8");
    fails("dst=/\xff", "UTF-8");
    fails("dst=/d,volume-label=\xff=1", "UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_names),  cmocka_unit_test(options_of_volumes),
        cmocka_unit_test(options_of_binds), cmocka_unit_test(options_of_tmpfs),
        cmocka_unit_test(fields_in_quotes), cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
