#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/change.h"
#include "image/words.h"

#include <string.h>

static json_t *settings;

static int setup(void **state)
{
    settings = json_object();
    return settings ? 0 : -1;
}

static int teardown(void **state)
{
    json_decref(settings);
    return 0;
}

static void takes(const char *instruction)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (change_apply(settings, instruction, &e) < 0)
        fail_msg("\"%s\": %s", instruction, err_text(&e));
}

static void refuses(const char *instruction, const char *story)
{
    _cleanup_err_ struct err e = ERR_INIT;
    if (change_apply(settings, instruction, &e) != -EINVAL)
        fail_msg("\"%s\" was taken", instruction);
    if (!strstr(err_text(&e), story))
        fail_msg("\"%s\": \"%s\" instead of \"%s\"", instruction, err_text(&e), story);
}

static void is(const char *key, const char *want)
{
    _cleanup_free_ char *text =
        json_text(json_object_get(settings, key), JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    assert_non_null(text);
    assert_string_equal(text, want);
}

static void test_commands(void **state)
{
    takes("CMD [\"a\", \"b c\"]");
    is("Cmd", "[\"a\",\"b c\"]");
    takes("cmd echo $HOME  \"x\" ");
    is("Cmd", "[\"/bin/sh\",\"-c\",\"echo $HOME  \\\"x\\\"\"]");
    takes("CMD []");
    is("Cmd", "[]");
    takes("CMD [ \"a\", 1 ]"); /* not the JSON form, so a command that begins with [ */
    is("Cmd", "[\"/bin/sh\",\"-c\",\"[ \\\"a\\\", 1 ]\"]");
    takes("\tEntryPoint\t[\"/init\"]");
    is("Entrypoint", "[\"/init\"]");
    refuses("CMD", "CMD requires at least one argument");
    refuses("ENTRYPOINT  ", "ENTRYPOINT requires at least one argument");
}

static void test_env(void **state)
{
    takes("ENV A=1 B=\"two words\" C='$A' D=a\\ b E=");
    is("Env", "[\"A=1\",\"B=two words\",\"C=$A\",\"D=a b\",\"E=\"]");
    takes("ENV A=2");
    takes("ENV F=${A}x$B G=${NONE:-else} H=${A:+then} I=\\$A J=$NONE. K=\"$A\\n\"");
    is("Env", "[\"A=2\",\"B=two words\",\"C=$A\",\"D=a b\",\"E=\",\"F=2xtwo words\",\"G=else\","
              "\"H=then\",\"I=$A\",\"J=.\",\"K=2\\\\n\"]");
    takes("ENV OLD the rest  of it");
    assert_non_null(strstr(json_string_value(json_array_get(json_object_get(settings, "Env"), 11)),
                           "OLD=the rest  of it"));
    refuses("ENV A", "must have two arguments");
    refuses("ENV A=1 B", "must be of the form name=value");
    refuses("ENV =1", "must be of the form name=value");
    refuses("ENV A=\"x", "not closed");
    refuses("ENV A='x", "not closed");
    refuses("ENV A=${x", "not closed");
    refuses("ENV A=${}", "no name");
    refuses("ENV A=${x?y}", "unsupported modifier");
    refuses("ENV A=\xff\xfe", "UTF-8");
}

/* One instruction's variables are all looked up before any of it is set. */
static void test_env_sees_what_was_before(void **state)
{
    takes("ENV A=old");
    takes("ENV A=new B=$A");
    is("Env", "[\"A=new\",\"B=old\"]");
}

static void test_ports(void **state)
{
    takes("EXPOSE 80 53/UDP 8000-8002/tcp");
    is("ExposedPorts",
       "{\"53/udp\":{},\"80/tcp\":{},\"8000/tcp\":{},\"8001/tcp\":{},\"8002/tcp\":{}}");
    refuses("EXPOSE 65536", "invalid port");
    refuses("EXPOSE x", "invalid port");
    refuses("EXPOSE 9-8", "invalid port");
    refuses("EXPOSE 80/icmp", "invalid port");
    refuses("EXPOSE -1", "invalid port");
    refuses("EXPOSE 80/", "invalid port");
}

static void test_the_rest(void **state)
{
    takes("LABEL a=1 \"b c\"=\"d e\"");
    takes("LABEL old form here");
    is("Labels", "{\"a\":\"1\",\"b c\":\"d e\",\"old\":\"form here\"}");
    takes("VOLUME /a \"/b c\"");
    takes("VOLUME [\"/d\"]");
    is("Volumes", "{\"/a\":{},\"/b c\":{},\"/d\":{}}");
    refuses("VOLUME [\"\"]", "empty");
    takes("USER 1000:1000");
    is("User", "\"1000:1000\"");
    takes("STOPSIGNAL SIGTERM");
    takes("STOPSIGNAL 9");
    takes("STOPSIGNAL RTMIN+3");
    is("StopSignal", "\"RTMIN+3\"");
    refuses("STOPSIGNAL SIGWHAT", "invalid signal");
    refuses("STOPSIGNAL 0", "invalid signal");
    refuses("STOPSIGNAL 65", "invalid signal");
}

static void test_workdir(void **state)
{
    takes("WORKDIR srv");
    is("WorkingDir", "\"/srv\"");
    takes("WORKDIR a/./b//c");
    is("WorkingDir", "\"/srv/a/b/c\"");
    takes("WORKDIR ../..");
    is("WorkingDir", "\"/srv/a\"");
    takes("WORKDIR ../../../../../../etc");
    is("WorkingDir", "\"/etc\"");
    takes("WORKDIR /..");
    is("WorkingDir", "\"/\"");
}

static void test_refusals(void **state)
{
    refuses("", "not a valid change command");
    refuses("RUN rm -rf /", "RUN is not a valid change command");
    refuses("FROM x", "FROM is not a valid change command");
    refuses("CMDX y", "CMDX is not a valid change command");
    refuses("CMD a\nENV b=c", "one line");
    char *big = malloc(100000);
    assert_non_null(big);
    memset(big, 'a', 99999);
    big[99999] = '\0';
    refuses(big, "longer than");
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_env, setup, teardown),
        cmocka_unit_test_setup_teardown(test_env_sees_what_was_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_workdir, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
