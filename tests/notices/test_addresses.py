"""Which addresses are public, in every way to write one that is not."""

import asyncio

import pytest

from service.notices.addresses import NotReachable, addresses_of, is_public

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]
NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a9fe:a9fe::",
    "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_one_of_the_internet_is_public(address: str):
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_one_of_a_machine_or_a_network_is_not(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "::1"])
def test_a_name_or_number_that_leads_here_is_refused_unless_it_is_allowed(host: str):
    with pytest.raises(NotReachable, match="not public"):
        asyncio.run(addresses_of(host, 80, private=False))
    assert asyncio.run(addresses_of(host, 80, private=True))


def test_a_name_without_an_address_is_told_without_itself():
    with pytest.raises(NotReachable) as refused:
        asyncio.run(addresses_of("hidden.invalid", 80, private=True))
    assert "hidden" not in str(refused.value)
