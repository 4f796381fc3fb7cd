"""The calculator's arithmetic, and that the page says what it gives."""

from pathlib import Path

import pytest

from bench.capacity import RATES, Assumptions, Costs, main, need_of, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "capacity.md"
ROUND = Costs(worker_ms=3.0, gateway_ms=1.0, broker_ms=0.5, image_bytes=10_000)
ASSUMED = Assumptions(share=0.5, broker_cores=1, replication=3, retention_s=600)


def test_a_rate_is_turned_into_what_it_needs():
    need = need_of(1_000, ROUND, ASSUMED)
    assert (need.workers, need.gateways, need.brokers, need.partitions) == (6, 2, 3, 24)
    assert (need.network_in_mb_s, need.network_out_mb_s, need.disk_gb) == (30.0, 30.0, 18.0)
    assert need.cpu_s_a_million == 5_500


def test_there_are_never_fewer_brokers_than_copies():
    assert need_of(1, ROUND, ASSUMED).brokers == 3


def test_the_page_holds_the_table_of_the_calculator():
    needs = [need_of(rate, Costs(), Assumptions()) for rate in RATES]
    assert table(needs) in PAGE.read_text()


def test_a_price_is_told_only_if_one_was_given(capsys):
    main(["--rate", "1000"])
    assert "million predictions" not in capsys.readouterr().out
    main(["--rate", "1000", "--vcpu-hour", "3.6"])
    assert "A million predictions, if every vCPU were busy: 7.2100" in capsys.readouterr().out


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(SystemExit):
        main(["--rate", "0"])
